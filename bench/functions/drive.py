"""Runs in a fresh process: python drive.py MODULE EVENT CALLS, and says the status.

With more than one call it also says how long one took: the median, in microseconds.
"""

import json
import os
import sys
import time


class Context:
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    function_name = "receive"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:receive"
    memory_limit_in_mb = "256"


def main():
    module, file, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(file, encoding="utf-8") as event_file:
        event = json.load(event_file)
    handler = __import__(module).handler
    said, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
    answer = handler(event, Context)
    took = []
    for _ in range(calls - 1):
        began = time.perf_counter_ns()
        handler(event, Context)
        took.append(time.perf_counter_ns() - began)
    middle = sorted(took)[len(took) // 2] / 1e3 if took else 0
    print(json.dumps([answer["statusCode"], middle]), file=said)


main()
