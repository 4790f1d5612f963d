"""Sends requests that Schemathesis derives from the OpenAPI document to a running Latchkey, whose program
LATCHKEY_PROGRAM names: it never fails, and the document describes each response.

check_schema.py sqlite|postgres [OPTION...], with options of `schemathesis run`, such as --max-examples 500 --seed 2
for other requests than schemathesis.toml asks for. PostgreSQL is given by PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE.
"""
import os, subprocess, sys, tempfile
from pathlib import Path
from xml.etree import ElementTree

from test_main import PASSWORD, PROGRAM, SITE, answers, free_port, request, wait_until

CONFIG = Path(__file__).with_name("schemathesis.toml")
ADMINISTRATOR, USERS = "ada@example.com", ["grace@example.com", "alan@example.com"]
SCOPES = ["tokens:verify", "users:read", "users:write", "audit:read"]


def settings(database, url, folder):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LATCHKEY_", "DATABASE_URL"))}
    if database == "postgres":
        env["DATABASE_URL"] = "postgres://{PGUSER}:{PGPASSWORD}@{PGHOST}:{PGPORT}/{PGDATABASE}".format_map(env)
    return env | {"LATCHKEY_LISTEN": url.removeprefix("http://"), "LATCHKEY_DATA_DIR": folder, "LATCHKEY_SITE_ROOT": SITE,
                  "LATCHKEY_RATE_LIMITS": "off", "LATCHKEY_ARGON2": "m=64,t=1,p=1", "LATCHKEY_LOG": "warn"}


def run_schemathesis(url, env, options, token, key, report):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{url}/api/openapi.json",
               "--report", "junit", "--report-junit-path", str(report), *options]
    env = env | {"TOKEN": token, "KEY": key}
    result = subprocess.run(command, env=env, cwd=report.parent).returncode
    # Otherwise some of the requests were not authorized.
    assert request(f"{url}/api/user/view", token)[0] == 200, "the session has ended"
    assert request(f"{url}/api/admin/users", key)[0] == 200, "the service key was revoked"
    return result


def print_summary(database, report):
    """Prints the operations that failed, and how many did and did not."""
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [case.get("name") for case in cases if any(case.find(kind) is not None for kind in ("failure", "error"))]
    skipped = sum(case.find("skipped") is not None for case in cases)
    for name in failed:
        print(f"{name} on {database} ... FAIL")
    print(f"test result: {len(cases) - len(failed) - skipped} passed; {len(failed)} failed; {skipped} skipped")


def main(database, *options):
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        env = settings(database, url, folder)

        def latchkey(*arguments):
            command = [PROGRAM, *arguments]
            return subprocess.run(command, env=env, input=PASSWORD, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

        latchkey("user", "create", "--admin", "--email", ADMINISTRATOR)
        latchkey("user", "verify", "--email", ADMINISTRATOR)
        for email in USERS:
            latchkey("user", "create", "--email", email)
        key = latchkey("key", "create", "--name", "the test", "--scope", *SCOPES)
        server = subprocess.Popen([PROGRAM], env=env)
        try:
            wait_until("it serves", lambda: answers(f"{url}/readyz"))
            token = request(f"{url}/api/user/login", body={"email": ADMINISTRATOR, "password": PASSWORD})[1]["token"]
            report = Path(folder, "report.xml")
            result = run_schemathesis(url, env, options, token, key, report)
        finally:
            server.kill()
            server.wait()
        if report.exists():
            print_summary(database, report)
        return result


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
