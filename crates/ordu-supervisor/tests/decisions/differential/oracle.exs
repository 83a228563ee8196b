# Runs scripts on Elixir's own DynamicSupervisor and prints what can be seen after each step, one line a step.
# A child is named by the number of the `start_child` that brought it, one of its runs by its number beside it.
defmodule Oracle do
  @side_by_side 32

  def main([file]) do
    for id <- :logger.get_handler_ids(), do: :ok = :logger.remove_handler(id)
    :ok = :logger.set_primary_config(:level, :error)
    :ok = :logger.add_handler(:oracle, __MODULE__, %{})
    :ets.new(:starts, [:named_table, :public, write_concurrency: true])
    :ets.new(:runs, [:named_table, :public, write_concurrency: true])
    :ets.new(:events, [:named_table, :public, :ordered_set, write_concurrency: true])
    {:ok, scripts} = :file.consult(String.to_charlist(file))

    scripts
    |> Task.async_stream(&run/1, max_concurrency: @side_by_side, timeout: :infinity)
    |> Enum.each(fn {:ok, lines} -> IO.write(lines) end)
  end

  defp run({name, {max_restarts, period, max_children}, ops}) do
    Process.flag(:trap_exit, true)
    Process.put(:name, name)
    Process.put(:gate, spawn_link(&gate/0))

    {:ok, sup} =
      DynamicSupervisor.start_link(
        strategy: :one_for_one,
        max_restarts: max_restarts,
        max_seconds: period,
        max_children: max_children
      )

    lines = ops(ops, sup, [])
    for table <- [:starts, :runs], do: :ets.match_delete(table, {{name, :_}, :_})
    :ets.match_delete(:runs, {{name, :_, :_}, :_})
    :ets.match_delete(:runs, {:_, {name, :_}})
    Enum.map(lines, &[Integer.to_string(name), " ", &1, "\n"])
  end

  # ---- children -----------------------------------------------------------------------------------

  def start_child(name, key, answer, gate) do
    {slow, outcome} =
      case next_start(name, key) do
        {:slow, outcome} -> {true, outcome}
        outcome -> {false, outcome}
      end

    # Somebody else has to let a slow start go on.
    if slow do
      send(gate, {:slow, self()})
      receive do: (:go_on -> :ok)
    end

    case outcome do
      :ok ->
        event(name, key, "+")
        {:ok, pid} = :proc_lib.start_link(__MODULE__, :child, [name, key, answer, self()])
        run = :ets.update_counter(:runs, {name, key}, 1, {{name, key}, 0})
        :ets.insert(:runs, [{{name, key, run}, pid}, {pid, {name, key}}])
        {:ok, pid}

      other ->
        other
    end
  end

  def child(name, key, answer, sup) do
    Process.flag(:trap_exit, true)
    :proc_lib.init_ack({:ok, self()})

    receive do
      {:EXIT, ^sup, :shutdown} ->
        event(name, key, "!")
        exit(answer)

      {:crash, reason} ->
        exit(reason)
    end
  end

  defp gate do
    receive do: ({:slow, start} -> send(start, :go_on))
    gate()
  end

  defp set_starts(name, key, outcomes), do: :ets.insert(:starts, {{name, key}, outcomes})

  defp next_start(name, key) do
    case :ets.lookup(:starts, {name, key}) do
      [{_, [next | rest]}] ->
        set_starts(name, key, rest)
        next

      _ ->
        :ok
    end
  end

  # ---- what happens -------------------------------------------------------------------------------

  defp event(name, key, text) do
    :ets.insert(:events, {{name, :erlang.unique_integer([:monotonic])}, {key, text}})
  end

  def log(%{msg: {:report, %{label: {:supervisor, context}, report: report}}}, _config)
      when context != :progress do
    pid =
      case report[:offender][:pid] do
        {:restarting, pid} -> pid
        pid -> pid
      end

    with [{_, {name, key}}] <- :ets.lookup(:runs, pid) do
      reason = if context == :shutdown, do: "", else: " " <> text(report[:reason])
      event(name, key, "<#{context} #{key}#{reason}>")
    end
  end

  def log(_event, _config), do: :ok

  # In the order in which they happened to each child; there is none among children.
  defp seen do
    name = Process.get(:name)
    seen = :ets.select(:events, [{{{name, :"$1"}, :"$2"}, [], [{{:"$1", :"$2"}}]}])
    :ets.select_delete(:events, [{{{name, :_}, :_}, [], [true]}])

    for {_, {key, text}} <- Enum.sort_by(seen, fn {at, {key, _}} -> {key, at} end) do
      if text in ["+", "!"], do: " #{text}#{key}", else: " " <> text
    end
  end

  # ---- steps --------------------------------------------------------------------------------------

  defp ops([], _sup, lines), do: Enum.reverse(lines)

  defp ops([{:set_starts, key, outcomes} | rest], sup, lines) do
    set_starts(Process.get(:name), key, outcomes)
    ops(rest, sup, lines)
  end

  defp ops([{:finish, reason} | _], sup, lines) do
    Process.exit(sup, reason)
    {:dead, line} = observe(sup, [])
    Enum.reverse([line | lines])
  end

  defp ops([{:batch, items} | rest], sup, lines) do
    :ok = :sys.suspend(sup)
    calls = items |> Enum.map(&item(&1, sup)) |> Enum.reject(&is_nil/1)
    :ok = :sys.resume(sup)
    answers = Enum.map(calls, &answer/1)

    case observe(sup, answers) do
      {:alive, line} -> ops(rest, sup, [line | lines])
      {:dead, line} -> Enum.reverse([line | lines])
    end
  end

  # Puts an item into the mailbox of the suspended supervisor and waits until it is there.
  defp item({:crash, key, run, reason}, sup) do
    pid = pid_of(key, run)
    before = queue_length(sup)
    if reason == :killed, do: Process.exit(pid, :kill), else: send(pid, {:crash, reason})
    wait_queue(sup, before + 1)
    nil
  end

  defp item({:call, call}, sup) do
    before = queue_length(sup)
    ref = Process.monitor(sup)
    send(sup, {:"$gen_call", {self(), ref}, request(call)})
    wait_queue(sup, before + 1)
    {call, ref}
  end

  defp request({:start_child, {key, restart, _significant, shutdown, type, answer}}) do
    args = [Process.get(:name), key, answer, Process.get(:gate)]
    {:start_child, {{__MODULE__, :start_child, args}, restart, shutdown, type, [__MODULE__]}}
  end

  defp request({:terminate_child, key, run}), do: {:terminate_child, pid_of(key, run)}
  defp request(call), do: call

  defp pid_of(key, run) do
    [{_, pid}] = :ets.lookup(:runs, {Process.get(:name), key, run})
    pid
  end

  defp queue_length(sup) do
    {:message_queue_len, length} = Process.info(sup, :message_queue_len)
    length
  end

  defp wait_queue(sup, length) do
    if queue_length(sup) < length do
      :erlang.yield()
      wait_queue(sup, length)
    end
  end

  defp answer({call, ref}) do
    receive do
      {^ref, reply} ->
        Process.demonitor(ref, [:flush])
        " =" <> reply(call, reply)

      {:DOWN, ^ref, :process, _, _} ->
        " =gone"
    end
  end

  defp reply(:which_children, list), do: children(list)
  defp reply(:count_children, counts), do: counts(counts)
  defp reply({:start_child, _}, {:ok, _}), do: "started"
  defp reply({:start_child, _}, :ignore), do: "ignored"
  defp reply({:start_child, _}, {:error, :max_children}), do: "max_children"
  defp reply({:start_child, _}, {:error, reason}), do: "failed_" <> text(reason)
  defp reply({:terminate_child, _, _}, :ok), do: "ok"
  defp reply({:terminate_child, _, _}, {:error, :not_found}), do: "not_found"

  # Waits until all that was set off is over, then tells what can be seen.
  defp observe(sup, answers) do
    case settle(sup) do
      {:alive, list, counts} ->
        {:alive, ["alive ", children(list), " ", counts(counts), answers, seen()]}

      {:dead, reason} ->
        {:dead, ["dead ", text(reason), answers, seen()]}
    end
  end

  # All else was in its mailbox before: only restarts that fail go on.
  defp settle(sup) do
    list = GenServer.call(sup, :which_children, :infinity)
    counts = GenServer.call(sup, :count_children, :infinity)

    if Enum.any?(list, &match?({_, :restarting, _, _}, &1)) do
      settle(sup)
    else
      {:alive, list, counts}
    end
  catch
    :exit, _ ->
      receive do: ({:EXIT, ^sup, reason} -> {:dead, reason})
  end

  # One that is being restarted has no name there.
  defp children(list) do
    children =
      for {_, child, _, _} <- list do
        case child do
          :restarting -> {:restarting, "restarting"}
          pid -> with [{_, {_, key}}] <- :ets.lookup(:runs, pid), do: {key, "#{key}:running"}
        end
      end

    "[" <> (children |> Enum.sort() |> Enum.map_join(",", &elem(&1, 1))) <> "]"
  end

  defp counts(counts) do
    Enum.map_join([:specs, :active, :supervisors, :workers], "/", &Integer.to_string(counts[&1]))
  end

  defp text({:shutdown, :x}), do: "shutdown_x"
  defp text(atom) when is_atom(atom), do: Atom.to_string(atom)
  defp text(other), do: inspect(other)
end

Oracle.main(System.argv())
