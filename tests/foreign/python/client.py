"""Calls the service Echo with jsonrpclib-pelix at each URL given, and prints what it got, one line of JSON a URL."""

import json
import sys

from jsonrpclib.jsonrpc import AppError, MultiCall, ProtocolError, ServerProxy


def error_of(call):
    """The code and data of the error that a call must end in; this library keeps data for codes of applications only."""
    try:
        call()
    except AppError as error:
        code, message, data = error.args[0]
        return {"code": code, "message": message, "data": data}
    except ProtocolError as error:
        return {"code": error.args[0][0]}
    raise AssertionError("no error")


def batch(server):
    """Four calls, one of them a notification; the others' replies come in order."""
    calls = MultiCall(server)
    calls.Echo.add(1, 2)
    calls._notify.Echo.add(3, 4)
    calls.Echo.concat(parts=["by ", "name"])
    calls.Echo.fail(9)
    replies = calls()
    assert len(replies) == 3, f"{len(replies)} replies"
    return [replies[0], replies[1], error_of(lambda: replies[2])["code"]]


def report(url):
    server = ServerProxy(url)
    return {
        "by_position": server.Echo.add(2, 3),
        "by_name": server.Echo.add(b=3, a=2),
        "list": server.Echo.concat(["wher", "é", "ver"]),
        "value": server.Echo.echo({"text": 'é"\n', "list": [1, -2.5, None, True], "empty": {}}),
        "node": server.Echo.whoami(),
        "batch": batch(server),
        "failure": error_of(lambda: server.Echo.fail(code=7)),
        "unknown_method": error_of(lambda: server.Echo.nothing())["code"],
        "unknown_service": error_of(lambda: server.Nothing.add(2, 3))["code"],
        "bad_argument": error_of(lambda: server.Echo.add("2", 3))["code"],
        "missing_argument": error_of(lambda: server.Echo.add(a=2))["code"],
        "extra_argument": error_of(lambda: server.Echo.add(2, 3, 4))["code"],
    }


for url in sys.argv[1:]:
    print(json.dumps(report(url)))
