`timescale 1 ns / 1 ps
// One event each clock from a file of hexadecimal numbers, one a line; compares with what is expected, counts wrong events.
// Any simulator: verilator --binary --timing, xsim, iverilog. Files are +inputs=, +expected= and +answers= (what is written).
module testbench;
    reg clk = 0;
    reg [@INPUT_HIGH@:0] event_in = 0;
    wire [@ANSWER_HIGH@:0] answer;
    reg [@ANSWER_HIGH@:0] wanted;
    reg [2047:0] inputs, expected, answers;
    integer source, truth, sink, got, clocks = 0, seen = 0, events = 0, wrong = 0;
    reg more = 1;

    @TOP@ dut (.clk(clk), @CONNECTIONS@, .answer(answer));

    always #(@PERIOD@ / 2.0) clk = ~clk;

    initial begin
        if (!$value$plusargs("inputs=%s", inputs)) inputs = "vectors/inputs.hex";
        if (!$value$plusargs("expected=%s", expected)) expected = "vectors/answers.hex";
        source = $fopen(inputs, "r");
        truth = $fopen(expected, "r");
        sink = 0;
        if ($value$plusargs("answers=%s", answers)) sink = $fopen(answers, "w");
        if (source == 0 || truth == 0) begin
            $display("FAIL: vectors cannot be opened");
            $finish;
        end
        while (more || seen < events) begin
            @(negedge clk);
            // Inputs that were set before clock 0 stand as an answer after clock @LATENCY@.
            if (clocks > @LATENCY@) begin
                got = $fscanf(truth, "%h\n", wanted);
                if (got != 1 || answer !== wanted) wrong = wrong + 1;
                seen = seen + 1;
            end
            if (sink != 0) $fwrite(sink, "%h\n", answer);
            if (more) begin
                got = $fscanf(source, "%h\n", event_in);
                if (got == 1) events = events + 1;
                else more = 0;
            end
            clocks = clocks + 1;
        end
        if (sink != 0) $fclose(sink);
        if (events > 0 && wrong == 0) $display("PASS: %0d events, latency %0d clocks", events, @LATENCY@);
        else $display("FAIL: %0d of %0d events differ", wrong, events);
        $finish;
    end
endmodule
