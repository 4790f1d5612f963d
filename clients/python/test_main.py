"""The example beside a running Latchkey, whose program LATCHKEY_PROGRAM names: real PyJWT verifies its
tokens, and refuses them once they are revoked."""
import json, os, signal, socket, subprocess, sys, tempfile, time, unittest, urllib.error, urllib.request

PROGRAM, SITE, HERE = os.environ["LATCHKEY_PROGRAM"], os.environ["LATCHKEY_SITE"], os.path.dirname(__file__)
PASSWORD = "tall-violet-anchor-92"
LIMIT = 20  # seconds


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def request(url, token=None, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as response:
            return response.status, json.loads(response.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, None


def wait_until(what, condition, limit=LIMIT):
    ends = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < ends, f"not within {limit} s: {what}"
        time.sleep(0.01)


def answers(url):
    try:
        return request(url)[0] == 200
    except OSError:
        return False


class Example(unittest.TestCase):
    def serve(self, command, env, url):
        process = subprocess.Popen(command, env=os.environ | env, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until("it serves", lambda: answers(url))
        return process

    def start(self, algorithm):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        port, own = free_port(), free_port()
        self.latchkey, self.service = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{own}/me"
        env = {"LATCHKEY_LISTEN": f"127.0.0.1:{port}", "LATCHKEY_DATA_DIR": folder.name, "LATCHKEY_SITE_ROOT": SITE,
               "LATCHKEY_TOKEN_ALG": algorithm, "LATCHKEY_ARGON2": "m=64,t=1,p=1"}
        self.server = self.serve([PROGRAM], env, f"{self.latchkey}/readyz")
        create = [PROGRAM, "key", "create", "--name", "the example", "--scope", "tokens:verify"]
        key = subprocess.run(create, env=os.environ | env, check=True, capture_output=True, text=True).stdout.strip()
        uvicorn = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(own)]
        self.serve(uvicorn, {"LATCHKEY_URL": self.latchkey, "LATCHKEY_KEY": key}, f"http://127.0.0.1:{own}/openapi.json")
        credentials = {"email": "ada@example.com", "password": PASSWORD}
        status, user = request(f"{self.latchkey}/api/user/create", body=credentials)
        self.assertEqual(status, 201)
        return user["id"], lambda: request(f"{self.latchkey}/api/user/login", body=credentials)[1]["token"]

    def check(self, algorithm):
        user, sign_in = self.start(algorithm)
        self.assertIn(request(self.service)[0], (401, 403))
        self.assertEqual(request(self.service, "x.y.z")[0], 401)
        token = sign_in()
        self.assertEqual(request(self.service, token), (200, {"user": user}))
        request(f"{self.latchkey}/api/user/logout/all", token, {})
        wait_until("it is refused", lambda: request(self.service, token)[0] == 401, limit=5)
        # The server is stopped, and nobody is told: nothing is trusted after the lease.
        token = sign_in()
        self.assertEqual(request(self.service, token)[0], 200)
        self.server.send_signal(signal.SIGSTOP)
        time.sleep(1.1)
        self.assertEqual(request(self.service, token)[0], 503)
        self.server.send_signal(signal.SIGCONT)
        wait_until("it is accepted again", lambda: request(self.service, token)[0] == 200)

    def test_eddsa(self):
        self.check("EdDSA")

    def test_es256(self):
        self.check("ES256")


if __name__ == "__main__":
    unittest.main()
