`timescale 1 ns / 1 ps
// Feeds words from a file of hexadecimal numbers, each when it is taken: edges_end, edge_valid, receiver, sender, nodes_end,
// node_valid, node. Writes a line for each answer (a, hexadecimal) and graph (d: dropped, fault, clocks from its first word).
module testbench;
    reg clk = 0, reset = 1;
    reg [@WORD@-1:0] word = 0, idle = 0;
    reg [2047:0] inputs, answers;
    wire take_nodes, take_edges, answer_valid, done, fault;
    wire [31:0] dropped;
    wire [@Y@-1:0] answer;
    integer source, sink, got, clocks = 0, waited = 0;
    reg held = 0, first = 1, taken = 0;
    wire wants_edges = |word[@WORD@-1:@X@+2];
    wire [@WORD@-1:0] given = held && (wants_edges ? take_edges : take_nodes) ? word : idle;

    @TOP@ dut (
        .clk(clk), .reset(reset), .take_nodes(take_nodes), .take_edges(take_edges), .answer_valid(answer_valid),
        .answer(answer), .done(done), .dropped(dropped), .fault(fault), .node(given[@X@-1:0]), .node_valid(given[@X@]),
        .nodes_end(given[@X@+1]), .sender(given[@X@+2+:16]), .receiver(given[@X@+18+:16]), .edge_valid(given[@X@+34]),
        .edges_end(given[@X@+35])
    );

    always #1 clk = ~clk;

    initial begin
        if (!$value$plusargs("inputs=%s", inputs)) inputs = "inputs.hex";
        if (!$value$plusargs("answers=%s", answers)) answers = "answers.hex";
        source = $fopen(inputs, "r");
        sink = $fopen(answers, "w");
        repeat (4) @(negedge clk);
        #0.1 reset = 0;
        got = 1;
        while (waited < @PATIENCE@) begin
            @(negedge clk);
            if (!held && got == 1) begin
                got = $fscanf(source, "%h\n", word);
                held = got == 1;
            end
            #0.1 taken = |given;
            if (taken && first) clocks = 0;
            if (taken) first = 0;
            waited = taken || answer_valid || done ? 0 : waited + 1;
            if (answer_valid) $fwrite(sink, "a%h\n", answer);
            if (done) begin
                $fwrite(sink, "d%0d,%0d,%0d\n", dropped, fault, clocks + 1);
                first = 1;
            end
            clocks = clocks + 1;
            @(posedge clk);
            #0.1 if (taken) held = 0;
        end
        $fclose(sink);
        if (got != 1 && !held) $display("PASS: all words taken");
        else $display("FAIL: a word was not taken");
        $finish;
    end
endmodule
