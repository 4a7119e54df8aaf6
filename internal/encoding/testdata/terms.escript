%% Reads terms from a file, each behind its length in four bytes, and writes of each what
%% Erlang makes of it, in words, and what it makes of that again, in hexadecimal: one line.
main([Path]) ->
    {ok, Terms} = file:read_file(Path),
    each(Terms).

each(<<>>) -> ok;
each(<<N:32, Term:N/binary, Rest/binary>>) ->
    T = binary_to_term(Term),
    Again = [hex(term_to_binary(T, [{minor_version, V}])) || V <- [0, 1, 2]],
    io:put_chars([words(T), [[" ", A] || A <- Again], "\n"]),
    each(Rest).

words(T) when is_atom(T) -> ["a:", hex(atom_to_binary(T, utf8))];
words(T) when is_integer(T) -> ["i:", integer_to_list(T)];
words(T) when is_float(T) -> ["f:", hex(<<T:64/float>>)];
words(T) when is_binary(T) -> ["b:", hex(T)];
words(T) when is_list(T) -> ["[", lists:join(",", [words(X) || X <- T]), "]"];
words(T) when is_map(T) ->
    Pairs = lists:sort([iolist_to_binary([words(K), "=", words(V)]) || {K, V} <- maps:to_list(T)]),
    ["{", lists:join(",", Pairs), "}"].

hex(B) -> [io_lib:format("~2.16.0b", [X]) || <<X>> <= B].
