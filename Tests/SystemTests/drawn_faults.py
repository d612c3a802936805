"""Faults drawn by chance."""

PLACES = [("bigquery", "POST", "insertAll"), ("kubernetes", "POST", "/jobs"), ("kubernetes", "GET", "/jobs/"),
          ("kubernetes", "DELETE", "/jobs/"), ("container", "GET", "/clusters/"), ("metadata", "GET", "/token"),
          ("*", None, None)]
STATUSES = [401, 403, 404, 408, 409, 429, 500, 502, 503, 504, 301, 418]
ENDS = ["close", "reset"]


def draw_fault(chance):
    """One fault of any sort that does not let a false success through."""
    service, method, target = chance.choice(PLACES)
    fault = {"service": service, "count": chance.randint(1, 4), "skip": chance.choice([0, 0, 0, 1, 2])}
    if method:
        fault.update(method=method, target=target)
    sort = chance.choice(["status", "end", "wire", "status with effect"])
    if sort.startswith("status"):
        fault["status"] = chance.choice(STATUSES)
        if fault["status"] == 404 and method in ("GET", "DELETE"):
            fault["status"] = 500  # These would say that there is no Job, which is a lie and no fault.
        if service == "*" and fault["status"] in (403, 404, 409):
            fault["status"] = 502
        if sort == "status with effect":
            fault["effect"] = chance.choice([True, "late"])
        if chance.random() < 0.2:
            fault["headers"] = {"Retry-After": "0"}
    elif sort == "end":
        fault.update(end=chance.choice(ENDS), effect=chance.choice([True, False, "late"]))
        fault.update(chance.choice([{}, {"endAfterBytes": chance.randint(1, 40)}, {"endAfterBodyBytes": 1}]))
    else:
        fault.update(chance.choice([
            {"garbage": True}, {"interim": chance.randint(1, 12)}, {"framing": "chunked", "chunkBytes": 2},
            {"framing": "close"}, {"gzip": True}, {"duplicateContentLength": True}, {"lengthAndChunked": True},
            {"extra": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}, {"drip": {"bytes": 7, "everyMilliseconds": 1}},
            {"bodyFillBytes": 8_388_609, "status": 200}]), effect=True)
        if fault.get("bodyFillBytes"):
            fault["effect"] = chance.choice([True, False])
    if chance.random() < 0.3:
        fault["delayMilliseconds"] = chance.randint(1, 20)
    return fault
