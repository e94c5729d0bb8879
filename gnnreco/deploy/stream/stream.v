`timescale 1 ns / 1 ps
// Made by gnnreco: an edge classifier that takes a node each clock, then an edge each clock, and gives an answer each clock.
// Edges come sorted by receiver; `fault` says that they did not. Nodes beyond @NODES@, edges beyond @EDGES@ and edges of nodes
// that are not there are left out and counted in `dropped`. Both stand while `done` is high, for one clock after each graph.
// `nodes_end` and `edges_end` come with the last one, or after it. Answers come in the order of the edges that were kept.
module @TOP@ (
    input wire clk,
    input wire reset,
    output wire take_nodes,
    input wire node_valid,
    input wire nodes_end,
    input wire [@X@-1:0] node,
    output wire take_edges,
    input wire edge_valid,
    input wire edges_end,
    input wire [15:0] sender,
    input wire [15:0] receiver,
    output wire answer_valid,
    output wire [@Y@-1:0] answer,
    output wire done,
    output reg [31:0] dropped,
    output reg fault
);
    localparam NODES = 2'd0, EDGES = 2'd1, HEARD = 2'd2, ANSWERS = 2'd3;
    localparam A = @A@, B = @B@;  // bits of the number of a node, of an edge
    reg [1:0] phase;
    reg ending;  // nothing more comes in this phase, but the pipeline is not empty yet
    reg [A:0] nodes, at;
    reg [B:0] edges, step, heard;  // kept; on their way; whose messages have arrived

    // What is kept of a graph.
    reg [@S0@-1:0] as_sender [0:@NODES@-1];
    reg [@S1@-1:0] as_receiver [0:@NODES@-1];
    reg [@S2@-1:0] to_itself [0:@NODES@-1];
    reg [@T@-1:0] sums [0:@NODES@-1];
    reg [@H0@-1:0] last_as_sender [0:@NODES@-1];
    reg [@H1@-1:0] last_as_receiver [0:@NODES@-1];
    reg [A-1:0] senders [0:@EDGES@-1];
    reg [A-1:0] receivers [0:@EDGES@-1];
    reg [@M@-1:0] messages [0:@EDGES@-1];
    reg [@NODES@-1:0] reached;  // nodes with a message

    // The kernels, and which of their stages are filled.
    reg nodes_in, edges_in, heard_in, answers_in;
    reg [@L0@:0] nodes_pipe;
    reg [@L1@:0] edges_pipe;
    reg [@L2@:0] heard_pipe;
    reg [@L3@:0] answers_pipe;
    reg [@X@-1:0] x;
    reg [@S0@-1:0] says_sender;
    reg [@S1@-1:0] says_receiver;
    reg [@S2@-1:0] says_itself;
    reg [@T@-1:0] hears;
    reg [@H0@-1:0] tells_sender;
    reg [@H1@-1:0] tells_receiver;
    reg [@M@-1:0] tells_message;
@KERNELS@
    assign answer_valid = answers_pipe[@L3@];

    // Sums of messages: edges come sorted by receiver, so one sum is open at a time.
    reg message_in, open, answers_read;
    reg [@M@-1:0] message_now, message_read;
    reg [A-1:0] receiver_now, receiver_open, sender_read, receiver_read;
    reg [@T@-1:0] sum_open;
    wire same = open && receiver_now == receiver_open;
    wire [@T@-1:0] sum_next;
@SUMS@

    assign take_nodes = phase == NODES && !ending;
    assign take_edges = phase == EDGES && !ending;
    wire node_fits = nodes < @NODES@;
    wire edge_fits = edges < @EDGES@ && sender < nodes && receiver < nodes;
    wire idle = !(nodes_in || edges_in || heard_in || answers_in || message_in || answers_read
        || |nodes_pipe || |edges_pipe || |heard_pipe || |answers_pipe);
    wire next = ending && idle;
    assign done = phase == ANSWERS && next;

    always @(posedge clk) begin
        nodes_in <= 0;
        edges_in <= 0;
        heard_in <= 0;
        answers_read <= 0;
        nodes_pipe <= {nodes_pipe, nodes_in};
        edges_pipe <= {edges_pipe, edges_in};
        heard_pipe <= {heard_pipe, heard_in};
        answers_pipe <= {answers_pipe, answers_in};

        if (take_nodes) begin
            x <= node;
            nodes_in <= node_valid && node_fits;
            if (node_valid && node_fits) nodes <= nodes + 1'b1;
            if (node_valid && !node_fits) dropped <= dropped + 1'b1;
            ending <= nodes_end;
        end
        if (nodes_pipe[@L0@]) begin
            as_sender[at[A-1:0]] <= said_sender;
            as_receiver[at[A-1:0]] <= said_receiver;
            to_itself[at[A-1:0]] <= said_itself;
            at <= at + 1'b1;
        end

        if (take_edges) begin
            says_sender <= as_sender[sender[A-1:0]];
            says_receiver <= as_receiver[receiver[A-1:0]];
            edges_in <= edge_valid && edge_fits;
            if (edge_valid && edge_fits) begin
                senders[edges[B-1:0]] <= sender[A-1:0];
                receivers[edges[B-1:0]] <= receiver[A-1:0];
                edges <= edges + 1'b1;
            end
            if (edge_valid && !edge_fits) dropped <= dropped + 1'b1;
            ending <= edges_end;
        end
        message_in <= edges_pipe[@L1@];
        message_now <= message;
        receiver_now <= receivers[heard[B-1:0]];
        if (edges_pipe[@L1@]) begin
            messages[heard[B-1:0]] <= message;
            heard <= heard + 1'b1;
        end
        if (message_in) begin
            sums[receiver_now] <= sum_next;
            sum_open <= sum_next;
            receiver_open <= receiver_now;
            open <= 1;
            reached[receiver_now] <= 1;
            if (reached[receiver_now] && !same) fault <= 1;
        end

        if (phase == HEARD && !ending) begin
            says_itself <= to_itself[step[A-1:0]];
            hears <= reached[step[A-1:0]] ? sums[step[A-1:0]] : {@T@{1'b0}};
            heard_in <= step < nodes;
            step <= step + 1'b1;
            ending <= step + 1'b1 >= nodes;
        end
        if (heard_pipe[@L2@]) begin
            last_as_sender[at[A-1:0]] <= told_sender;
            last_as_receiver[at[A-1:0]] <= told_receiver;
            at <= at + 1'b1;
        end

        if (phase == ANSWERS && !ending) begin
            answers_read <= step < edges;
            step <= step + 1'b1;
            ending <= step + 1'b1 >= edges;
        end
        sender_read <= senders[step[B-1:0]];
        receiver_read <= receivers[step[B-1:0]];
        message_read <= messages[step[B-1:0]];
        answers_in <= answers_read;
        tells_sender <= last_as_sender[sender_read];
        tells_receiver <= last_as_receiver[receiver_read];
        tells_message <= message_read;

        if (next || reset) begin
            phase <= phase + 1'b1;
            ending <= 0;
            at <= 0;
            step <= 0;
        end
        if (done || reset) begin
            phase <= NODES;
            nodes <= 0;
            edges <= 0;
            heard <= 0;
            open <= 0;
            reached <= 0;
            dropped <= 0;
            fault <= 0;
        end
        if (reset) begin
            nodes_in <= 0;
            edges_in <= 0;
            heard_in <= 0;
            answers_in <= 0;
            answers_read <= 0;
            message_in <= 0;
            nodes_pipe <= 0;
            edges_pipe <= 0;
            heard_pipe <= 0;
            answers_pipe <= 0;
        end
    end
endmodule
