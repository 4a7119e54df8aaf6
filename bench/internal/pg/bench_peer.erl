%% One node of the Erlang side of the benchmark: what a program does that
%% uses OTP's process groups (module pg), and nothing around it.
%%
%% Commands come as lines on standard input, each a JSON string of words; answers
%% go as lines of JSON to standard output. The first answer says that the node is
%% there. A command that fails answers {"error":"..."}. The end of standard input
%% ends the node.
%%
%% Times are nanoseconds of the machine's wall clock, os:system_time, which all
%% processes on one machine share (erlang:system_time is corrected by each
%% runtime for itself).
-module(bench_peer).
-export([main/0]).

%% The scope: a namespace of groups with a table of its own.
-define(SCOPE, bench).

%% Pings before those that count.
-define(WARM_UP, 1000).

main() ->
    {ok, _} = pg:start(?SCOPE),
    Main = self(),
    spawn_link(fun() -> read(Main) end),
    answer("{\"ready_ns\":~b}", [now_ns()]),
    loop(#{members => []}).

%% read hands on commands. The end of input ends the node also while a command is
%% being carried out.
read(Main) ->
    case io:get_line("") of
        Line when is_list(Line) ->
            Main ! {command, string:lexemes(string:trim(Line), "\" ")},
            read(Main);
        _ ->
            halt(0)
    end.

loop(State) ->
    receive {command, Words} -> loop(obey(Words, State)) end.

obey([Command | Words], State) ->
    Args = [argument(W) || W <- Words],
    try
        command(list_to_atom(Command), Args, State)
    catch
        _:Reason:Stack ->
            Text = io_lib:format("~0p at ~0p", [Reason, hd(Stack ++ [none])]),
            answer("{\"error\":~s}", [quote(lists:flatten(Text))]),
            State
    end.

argument(Word) ->
    try list_to_integer(Word) catch error:badarg -> list_to_atom(Word) end.

answer(Format, Args) -> io:put_chars(io_lib:format(Format ++ "\n", Args)).

%% quote makes a JSON string of plain text.
quote(Text) ->
    [$", [case C of $" -> "\\\""; $\\ -> "\\\\"; _ when C < 32; C > 126 -> " "; _ -> C end || C <- Text], $"].

numbers(List) -> ["[", lists:join(",", [integer_to_list(N) || N <- List]), "]"].

now_ns() -> os:system_time(nanosecond).

%% ---------------------------------------------------------------------------
%% Commands. Each answers with one line, unless it says otherwise.

%% connect NODE...: the other nodes of the cluster.
command(connect, Nodes, State) ->
    lists:foreach(fun(N) -> true = net_kernel:connect_node(N) end, Nodes),
    answer("{}", []),
    State;

%% await GROUP N: waits until this node's table has N members there.
command(await, [Word, N], State) ->
    Group = group(Word),
    poll(fun() -> length(pg:get_members(?SCOPE, Group)) =:= N end),
    answer("{}", []),
    State;

%% --- fan-out ---

%% subscribe GROUP N SIZE: N processes that join, check and count.
command(subscribe, [Word, N, Size], State) ->
    Main = self(),
    Pids = [spawn_opt(fun() -> subscriber(Main, Size) end, subscriber_options()) || _ <- lists:seq(1, N)],
    ok = pg:join(?SCOPE, group(Word), Pids),
    answer("{}", []),
    State#{collect => N};

%% publish GROUP SIZE MS: events to all members at full speed for MS milliseconds.
command(publish, [Word, Size, Ms], State) ->
    Group = group(Word),
    Body = binary:copy(<<"x">>, Size),
    {Sent, First} = in_process(fun() ->
        First = now_ns(),
        {publish(Group, Body, 1, First, First + Ms * 1000000), First}
    end),
    answer("{\"sent\":~b,\"first_ns\":~b}", [Sent, First]),
    State;

%% collect: waits for all subscribers of this node to have seen the end. Answers
%% how many events they got, when the last one came, and what was wrong.
command(collect, [], State = #{collect := N}) ->
    {Received, Last, Faults} = collect(N, 0, 0, []),
    answer("{\"received\":~b,\"last_ns\":~b,\"faults\":[~s]}",
           [Received, Last, lists:join(",", [quote(F) || F <- lists:sublist(Faults, 5)])]),
    State;

%% --- latency ---

%% echo GROUP SIZE: a member that stamps what comes and lets the sender go on.
command(echo, [Word, Size], State) ->
    Pid = spawn_opt(fun() -> echo(Size, 1, []) end, subscriber_options()),
    ok = pg:join(?SCOPE, group(Word), Pid),
    answer("{}", []),
    State#{echo => Pid};

%% ping GROUP N SIZE: N events, one at a time.
command(ping, [Word, N, Size], State) ->
    Group = group(Word),
    Body = binary:copy(<<"x">>, Size),
    in_process(fun() -> ping(Group, Body, 1, N + ?WARM_UP) end),
    answer("{}", []),
    State;

%% pinged: the one-way times at the member, without those of the warm-up.
command(pinged, [], State = #{echo := Pid}) ->
    Pid ! {samples, self()},
    Samples = receive {samples, List} -> List end,
    answer("{\"ns\":~s}", [numbers(lists:nthtail(?WARM_UP, Samples))]),
    State;

%% --- the table; the words are those of the other systems' nodes, too ---

%% members N: N more processes that can be members.
command(members, [N], State = #{members := Members}) ->
    More = [spawn(fun idle/0) || _ <- lists:seq(1, N)],
    answer("{}", []),
    State#{members := Members ++ More};

%% join N SPREAD: N joins, one membership a call, the next one after the former
%% has returned: one member into N groups (distinct), or N members into one (one).
command(join, [N, Spread], State) ->
    Joins = joins(Spread, N, State),
    {Begin, End} = in_process(fun() ->
        Begin = now_ns(),
        Joins(),
        {Begin, now_ns()}
    end),
    answer("{\"begin_ns\":~b,\"end_ns\":~b}", [Begin, End]),
    State;

%% fill N SPREAD: the same memberships in as few calls as there may be.
command(fill, [N, one], State = #{members := Members}) ->
    ok = pg:join(?SCOPE, name(0), lists:sublist(Members, N)),
    answer("{}", []),
    State;
command(fill, [N, distinct], State) ->
    (joins(distinct, N, State))(),
    answer("{}", []),
    State;

%% watch N: a monitor of the scope that counts joins. Answers when it watches, and
%% once more when it has seen N.
command(watch, [N], State) ->
    Main = self(),
    spawn_link(fun() ->
        {Ref, _} = pg:monitor_scope(?SCOPE),
        Main ! watching,
        watch(Ref, N),
        answer("{\"done_ns\":~b}", [now_ns()])
    end),
    receive watching -> ok end,
    answer("{}", []),
    State;

%% report: a monitor of the scope that answers when it watches, and with the time
%% of each join.
command(report, [], State) ->
    Main = self(),
    spawn_link(fun() ->
        {Ref, _} = pg:monitor_scope(?SCOPE),
        Main ! watching,
        report(Ref)
    end),
    receive watching -> ok end,
    answer("{}", []),
    State;

%% single I: one join of one member into a group of its own. Answers nothing, so
%% that nothing else goes on.
command(single, [I], State = #{members := [Member | _]}) ->
    Group = name(I),
    Begin = now_ns(),
    ok = pg:join(?SCOPE, Group, Member),
    State#{begun => [Begin | maps:get(begun, State, [])]};

%% begun: when the single joins began.
command(begun, [], State) ->
    answer("{\"ns\":~s}", [numbers(lists:reverse(maps:get(begun, State, [])))]),
    State#{begun => []};

%% count: the groups and memberships that a reader finds.
command(count, [], State) ->
    {Groups, Members} = in_process(fun() ->
        Groups = pg:which_groups(?SCOPE),
        {length(Groups), lists:sum([length(pg:get_members(?SCOPE, G)) || G <- Groups])}
    end),
    answer("{\"groups\":~b,\"memberships\":~b}", [Groups, Members]),
    State;

%% sync GROUPS MEMBERSHIPS: waits until all are here; pg applies a copy group by group.
command(sync, [Groups, _], State) ->
    poll(fun() -> ets:info(?SCOPE, size) =:= Groups end),
    answer("{\"done_ns\":~b}", [now_ns()]),
    State;

%% memory: the bytes that the runtime has allocated and uses, after a collection.
command(memory, [], State) ->
    lists:foreach(fun erlang:garbage_collect/1, processes()),
    answer("{\"heap\":~b}", [erlang:memory(total)]),
    State;

%% part N: N members of this node join one group, in one call.
command(part, [N], State = #{members := Members}) ->
    ok = pg:join(?SCOPE, name(0), lists:sublist(Members, N)),
    answer("{}", []),
    State;

%% look WHAT MS: one process reads the group's members (all or local) for MS
%% milliseconds, while another one joins it and leaves.
command(look, [What, Ms], State = #{members := [Member | _]}) ->
    Group = name(0),
    Read = case What of
        all -> fun() -> pg:get_members(?SCOPE, Group) end;
        local -> fun() -> pg:get_local_members(?SCOPE, Group) end
    end,
    Main = self(),
    Churner = spawn_link(fun() -> churn(Main, Group, Member, 0) end),
    {Looks, Took} = in_process(fun() ->
        Begin = now_ns(),
        {look(Read, 0, Begin + Ms * 1000000), now_ns() - Begin}
    end),
    Churner ! stop,
    Churned = receive {churned, C} -> C end,
    answer("{\"looks\":~b,\"members\":~b,\"churned\":~b,\"ns\":~b}",
           [Looks, length(Read()), Churned, Took]),
    State.

%% ---------------------------------------------------------------------------
%% Fan-out

%% What waits in a mailbox is not part of what each collection walks over: the
%% documentation's advice for processes that may get many messages.
subscriber_options() -> [{message_queue_data, off_heap}].

%% publish sends until the time is over, then says how many there were.
publish(Group, Body, Seq, Now, Until) when Now < Until ->
    Event = {event, Seq, Now, Body},
    send(pg:get_members(?SCOPE, Group), Event),
    publish(Group, Body, Seq + 1, now_ns(), Until);
publish(Group, _, Seq, _, _) ->
    send(pg:get_members(?SCOPE, Group), {done, Seq - 1}),
    Seq - 1.

send([Pid | Pids], Event) ->
    Pid ! Event,
    send(Pids, Event);
send([], _) ->
    ok.

subscriber(Main, Size) -> subscriber(Main, Size, 1, []).

%% Events come in the order of their numbers, none missing, none twice.
subscriber(Main, Size, Next, Faults) ->
    receive
        {event, Next, _, Body} when byte_size(Body) =:= Size ->
            subscriber(Main, Size, Next + 1, Faults);
        {event, Seq, _, Body} when length(Faults) < 5 ->
            Fault = fault("event ~b of ~b bytes came for ~b of ~b", [Seq, byte_size(Body), Next, Size]),
            subscriber(Main, Size, Seq + 1, [Fault | Faults]);
        {event, Seq, _, _} ->
            subscriber(Main, Size, Seq + 1, Faults);
        {done, Sent} when Sent =:= Next - 1 ->
            Main ! {done, Sent, now_ns(), Faults};
        {done, Sent} ->
            Main ! {done, Next - 1, now_ns(), [fault("~b were sent, the last to come was ~b", [Sent, Next - 1]) | Faults]}
    end.

fault(Format, Args) -> lists:flatten(io_lib:format(Format, Args)).

collect(0, Received, Last, Faults) ->
    {Received, Last, Faults};
collect(N, Received, Last, Faults) ->
    receive
        {done, Got, At, New} -> collect(N - 1, Received + Got, max(Last, At), New ++ Faults)
    end.

%% ---------------------------------------------------------------------------
%% Latency

ping(_, _, Seq, N) when Seq > N ->
    ok;
ping(Group, Body, Seq, N) ->
    Event = {event, Seq, now_ns(), self(), Body},
    send(pg:get_members(?SCOPE, Group), Event),
    receive {seen, Seq} -> ok end,
    ping(Group, Body, Seq + 1, N).

echo(Size, Next, Samples) ->
    receive
        {event, Next, Sent, From, Body} when byte_size(Body) =:= Size ->
            Took = now_ns() - Sent,
            From ! {seen, Next},
            echo(Size, Next + 1, [Took | Samples]);
        {samples, To} ->
            To ! {samples, lists:reverse(Samples)}
    end.

%% ---------------------------------------------------------------------------
%% The table

%% The same names that the other systems' nodes give.
name(I) -> <<"group-", (integer_to_binary(I))/binary>>.

%% A group that a command names.
group(Word) -> atom_to_binary(Word).

idle() -> receive stop -> ok end.

joins(distinct, N, #{members := [Member | _]}) ->
    fun() -> join_distinct(0, N, Member) end;
joins(one, N, #{members := Members}) ->
    Group = name(0),
    Chosen = lists:sublist(Members, N),
    fun() -> lists:foreach(fun(M) -> ok = pg:join(?SCOPE, Group, M) end, Chosen) end.

join_distinct(N, N, _) ->
    ok;
join_distinct(I, N, Member) ->
    ok = pg:join(?SCOPE, name(I), Member),
    join_distinct(I + 1, N, Member).

watch(_, N) when N =< 0 ->
    ok;
watch(Ref, N) ->
    receive {Ref, join, _, Pids} -> watch(Ref, N - length(Pids)) end.

report(Ref) ->
    receive
        {Ref, join, _, _} ->
            Now = now_ns(),
            answer("{\"ns\":~b}", [Now]),
            report(Ref)
    end.

%% A reader that needs the list; what it does with it is not measured.
look(Read, N, Until) ->
    [_ | _] = Read(),
    case now_ns() < Until of
        true -> look(Read, N + 1, Until);
        false -> N + 1
    end.

churn(Main, Group, Member, N) ->
    ok = pg:join(?SCOPE, Group, Member),
    ok = pg:leave(?SCOPE, Group, Member),
    receive
        stop -> Main ! {churned, N + 1}
    after 0 ->
        churn(Main, Group, Member, N + 1)
    end.

%% ---------------------------------------------------------------------------

%% in_process runs Fun in a process of its own, with a heap of its own, and
%% returns what it returned.
in_process(Fun) ->
    {Pid, Ref} = spawn_opt(fun() -> exit({result, Fun()}) end, [monitor]),
    receive
        {'DOWN', Ref, process, Pid, {result, Result}} -> Result;
        {'DOWN', Ref, process, Pid, Reason} -> error(Reason)
    end.

%% poll waits, at most two minutes, until Fun is true; it looks each millisecond.
poll(Fun) -> poll(Fun, now_ns() + 120 * 1000000000).

poll(Fun, Until) ->
    case Fun() of
        true -> ok;
        false ->
            now_ns() < Until orelse error(timeout),
            timer:sleep(1),
            poll(Fun, Until)
    end.
