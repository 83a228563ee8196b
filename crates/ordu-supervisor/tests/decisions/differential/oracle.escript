#!/usr/bin/env escript
%% Runs scripts on OTP's own supervisor and prints what can be seen after each step, one line a step.
-module(oracle).
-mode(compile).
-export([main/1, init/1, start_child/3, child/4, log/2]).

main([File]) ->
    ok = logger:remove_handler(default),
    ok = logger:set_primary_config(level, error),
    ok = logger:add_handler(oracle, ?MODULE, #{}),
    ets:new(starts, [named_table, public, {write_concurrency, true}]),
    ets:new(events, [named_table, public, ordered_set]),
    {ok, Scripts} = file:consult(File),
    %% Scripts that let time pass run afterwards, when nothing else keeps the machine busy.
    {Timed, Untimed} = lists:partition(fun(S) -> lists:keymember(sleep, 1, element(5, S)) end, Scripts),
    run_all(Untimed),
    run_all(Timed).

run_all(Scripts) ->
    Pids = [spawn_monitor(fun() -> run(Script) end) || Script <- Scripts],
    [receive {'DOWN', Ref, process, Pid, Reason} -> Reason =:= normal orelse io:format("CRASH ~p~n", [Reason]) end
     || {Pid, Ref} <- Pids].

run({Name, Flags, Specs, Starts, Ops}) ->
    process_flag(trap_exit, true),
    put(name, Name),
    put(lines, []),
    put(began, erlang:monotonic_time(millisecond)),
    [set_starts(Name, Id, Outcomes) || {Id, Outcomes} <- Starts],
    Children = [spec(Name, Spec) || Spec <- Specs],
    {Strategy, Intensity, Period, Auto} = Flags,
    Options = #{strategy => Strategy, intensity => Intensity, period => Period, auto_shutdown => Auto},
    case supervisor:start_link(?MODULE, {Options, Children, Name}) of
        {ok, Sup} ->
            observe(Sup, [], []),
            ops(Ops, Sup);
        {error, {shutdown, {failed_to_start_child, Id, Reason}}} ->
            line(["failed ", text(Id), " ", text(Reason), seen()])
    end,
    io:put_chars([[Line, $\n] || Line <- lists:reverse(get(lines))]).

init({Options, Children, Name}) ->
    put(script, Name),
    ets:insert(starts, {{sup, self()}, Name}),
    {ok, {Options, Children}}.

spec(Name, {Id, Restart, Significant, Shutdown, Type, Answer}) ->
    #{id => Id, start => {?MODULE, start_child, [Name, Id, Answer]}, restart => Restart,
      significant => Significant, shutdown => Shutdown, type => Type}.

%% ---- children ------------------------------------------------------------------------------------

start_child(Name, Id, Answer) ->
    case next_start(Name, Id) of
        ok ->
            event(Name, ["+", text(Id)]),
            proc_lib:start_link(?MODULE, child, [Name, Id, Answer, self()]);
        Other -> Other
    end.

child(Name, Id, Answer, Sup) ->
    process_flag(trap_exit, true),
    proc_lib:init_ack({ok, self()}),
    receive
        {'EXIT', Sup, shutdown} ->
            event(Name, ["!", text(Id)]),
            exit(Answer);
        {crash, Reason} -> exit(Reason)
    end.

set_starts(Name, Id, Outcomes) ->
    Before = case ets:lookup(starts, {Name, Id}) of [{_, Queue}] -> Queue; [] -> [] end,
    ets:insert(starts, {{Name, Id}, Before ++ Outcomes}).

next_start(Name, Id) ->
    case ets:lookup(starts, {Name, Id}) of
        [{_, [Next | Rest]}] -> ets:insert(starts, {{Name, Id}, Rest}), Next;
        _ -> ok
    end.

%% ---- what happens --------------------------------------------------------------------------------

event(Name, Text) -> ets:insert(events, {{Name, erlang:unique_integer([monotonic])}, Text}).

log(#{msg := {report, #{label := {supervisor, Context}, report := Report}}}, _Config) when Context =/= progress ->
    case ets:lookup(starts, {sup, self()}) of
        [{_, Name}] ->
            Offender = proplists:get_value(offender, Report),
            Id = proplists:get_value(id, Offender),
            Reason = case Context of shutdown -> ""; _ -> [" ", text(proplists:get_value(reason, Report))] end,
            event(Name, ["<", atom_to_list(Context), " ", text(Id), Reason, ">"]);
        [] -> ok
    end;
log(_Event, _Config) -> ok.

seen() ->
    Name = get(name),
    Seen = ets:select(events, [{{{Name, '$1'}, '$2'}, [], [{{'$1', '$2'}}]}]),
    ets:select_delete(events, [{{{Name, '_'}, '_'}, [], [true]}]),
    [[" ", Text] || {_, Text} <- lists:sort(Seen)].

%% ---- steps ---------------------------------------------------------------------------------------

ops([], _Sup) -> check_pace();
ops([Op | Rest], Sup) ->
    case op(Op, Sup) of
        alive -> ops(Rest, Sup);
        dead -> ok
    end.

op({set_starts, Id, Outcomes}, _Sup) ->
    set_starts(get(name), Id, Outcomes),
    alive;
op({sleep, Ms}, _Sup) ->
    check_pace(),
    timer:sleep(Ms),
    put(began, erlang:monotonic_time(millisecond)),
    alive;
op({finish, Reason}, Sup) ->
    exit(Sup, Reason),
    receive {'EXIT', Sup, _} = Exit -> self() ! Exit end,
    observe(Sup, [], []);
op({batch, Items}, Sup) ->
    Pids = maps:from_list([{Id, Pid} || {Id, Pid, _, _} <- supervisor:which_children(Sup), is_pid(Pid)]),
    ok = sys:suspend(Sup),
    Sent = [item(Item, Pids, Sup) || Item <- Items],
    ok = sys:resume(Sup),
    Crashed = [Pid || {crashed, Pid} <- Sent],
    Answers = [answer(Call, Ref, Sup) || {called, Call, Ref} <- Sent],
    observe(Sup, Crashed, Answers).

%% Puts an item into the mailbox of the suspended supervisor and waits until it is there.
item({crash, Id, Reason}, Pids, Sup) ->
    Pid = maps:get(Id, Pids),
    Before = queue_length(Sup),
    case Reason of
        killed -> exit(Pid, kill);
        _ -> Pid ! {crash, Reason}
    end,
    wait_queue(Sup, Before + 1),
    {crashed, Pid};
item({call, Call}, _Pids, Sup) ->
    Before = queue_length(Sup),
    Ref = monitor(process, Sup),
    Sup ! {'$gen_call', {self(), Ref}, request(Call)},
    wait_queue(Sup, Before + 1),
    {called, Call, Ref}.

request({start_child, Spec}) -> {start_child, spec(get(name), Spec)};
request(Call) -> Call.

queue_length(Sup) ->
    {message_queue_len, Length} = process_info(Sup, message_queue_len),
    Length.

wait_queue(Sup, Length) ->
    case queue_length(Sup) >= Length of
        true -> ok;
        false -> erlang:yield(), wait_queue(Sup, Length)
    end.

answer(Call, Ref, _Sup) ->
    receive
        {Ref, Reply} -> demonitor(Ref, [flush]), [" =", reply(Call, Reply)];
        {'DOWN', Ref, process, _, _} -> " =gone"
    end.

reply(which_children, List) -> children(List);
reply(count_children, Counts) -> counts(Counts);
reply(_, ok) -> "ok";
reply(_, {ok, undefined}) -> "ignored";
reply(_, {ok, Pid}) when is_pid(Pid) -> "started";
reply(_, {error, {already_started, _}}) -> "already_started";
reply(_, {error, {Reason, Child}}) when is_tuple(Child) -> ["failed ", text(Reason)];
reply({start_child, _}, {error, already_present}) -> "already_present";
reply(_, {error, Error}) when Error =:= running; Error =:= restarting; Error =:= not_found -> atom_to_list(Error);
reply(_, {error, Reason}) -> ["failed ", text(Reason)].

%% Waits until all that was set off is over, then tells what can be seen.
observe(Sup, Crashed, Answers) ->
    case settle(Sup, Crashed) of
        {alive, List, Counts} ->
            line(["alive ", children(List), " ", counts(Counts), Answers, seen()]),
            alive;
        {dead, Reason} ->
            line(["dead ", text(Reason), Answers, seen()]),
            check_pace(),
            dead
    end.

settle(Sup, Crashed) ->
    try {supervisor:which_children(Sup), supervisor:count_children(Sup)} of
        {List, Counts} ->
            Busy = [x || {_, Child, _, _} <- List, Child =:= restarting orelse lists:member(Child, Crashed)],
            case Busy of
                [] -> {alive, List, Counts};
                _ -> erlang:yield(), settle(Sup, Crashed)
            end
    catch exit:_ ->
        receive {'EXIT', Sup, Reason} -> {dead, Reason} end
    end.

%% What the other side takes for one moment must not last too long here.
check_pace() ->
    case erlang:monotonic_time(millisecond) - get(began) of
        Took when Took > 1500 -> line("slow");
        _ -> ok
    end.

line(Text) -> put(lines, [[integer_to_list(get(name)), " ", Text] | get(lines)]).

children(List) ->
    State = fun(Pid) when is_pid(Pid) -> "running"; (Atom) -> atom_to_list(Atom) end,
    ["[", lists:join(",", [[text(Id), ":", State(Child)] || {Id, Child, _, _} <- List]), "]"].

counts(Counts) ->
    lists:join("/", [integer_to_list(proplists:get_value(Key, Counts)) || Key <- [specs, active, supervisors, workers]]).

text({shutdown, x}) -> "shutdown_x";
text(Integer) when is_integer(Integer) -> integer_to_list(Integer);
text(Atom) when is_atom(Atom) -> atom_to_list(Atom);
text(Other) -> io_lib:format("~w", [Other]).
