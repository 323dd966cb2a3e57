# A plugin of pytest: writes a line "OUTCOME<tab>TEST" for each test to the file that
# SESSTRIG_RESULTS names. Of a test's setup and end only what went wrong is told.

import os


def pytest_runtest_logreport(report):
    if report.when != "call" and report.outcome == "passed":
        return
    expected = " as expected" if hasattr(report, "wasxfail") else ""
    test = report.nodeid.encode("unicode_escape").decode()
    with open(os.environ["SESSTRIG_RESULTS"], "a") as results:
        print(f"{report.outcome}{expected}\t{test}", file=results)
