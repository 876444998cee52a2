"""Checks a replica with NVIDIA's standard KServe v2 client: python3 check_tritonclient.py HOST:PORT ITEM ITEM...

The items are a shopper's history. Exit codes: 0 = served as the protocol says, 1 = not, 77 = tritonclient is not
installed (python3 -m pip install 'tritonclient[grpc]')."""
import queue
import sys

try:
    import numpy
    import tritonclient.grpc as triton
    from tritonclient.utils import InferenceServerException
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def tensor(name, values, kind, datatype):
    array = numpy.array(values, dtype=kind)
    out = triton.InferInput(name, list(array.shape), datatype)
    out.set_data_from_numpy(array)
    return out


def main(address, history):
    client = triton.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("recommend")
    metadata = client.get_model_metadata("recommend")
    assert [i.name for i in metadata.inputs] == ["history", "k"], metadata
    assert client.get_model_repository_index().models[0].state == "READY"

    rows = [history, history[:1] + [-1] * (len(history) - 1)]
    reply = client.infer("recommend", [tensor("history", rows, "int64", "INT64"), tensor("k", [5], "int32", "INT32")])
    items, scores = reply.as_numpy("items"), reply.as_numpy("scores")
    assert items.shape == (2, 5) and items.dtype == numpy.int64, items
    assert scores.shape == (2, 5) and scores.dtype == numpy.float32, scores
    assert (numpy.diff(scores, axis=1) <= 0).all(), scores
    assert not set(items[0]) & set(history), (items, history)
    assert reply.get_response().parameters["digest"].string_param

    try:
        client.infer("recommend", [tensor("history", [history], "int32", "INT32"), tensor("k", [5], "int32", "INT32")])
    except InferenceServerException as error:
        assert "INVALID_ARGUMENT" in str(error.status()) and '"history"' in error.message(), error
    else:
        raise AssertionError("a wrong datatype was taken")

    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for number in range(3):
        client.async_stream_infer("recommend", [tensor("history", [history], "int64", "INT64"),
                                                tensor("k", [5 + number], "int32", "INT32")], request_id=str(number))
    for number in range(3):
        result, error = answers.get(timeout=30)
        assert error is None and result.get_response().id == str(number), (error, result)
        assert result.as_numpy("items").shape == (1, 5 + number)
    client.stop_stream()

    client.load_model("standby")
    assert {m.name for m in client.get_model_repository_index().models} == {"recommend", "standby"}
    beside = client.infer("standby", [tensor("history", rows, "int64", "INT64"), tensor("k", [5], "int32", "INT32")])
    assert (beside.as_numpy("items") == items).all(), beside
    client.unload_model("standby")

    client.load_model("recommend")
    assert client.is_model_ready("recommend")
    client.unload_model("recommend")
    assert not client.is_model_ready("recommend")
    print("served as the protocol says")


if __name__ == "__main__":
    main(sys.argv[1], [int(item) for item in sys.argv[2:]])
