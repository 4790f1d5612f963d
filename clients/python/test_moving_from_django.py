"""docs/moving-from-django.md, with a real project of Django and Djoser beside a running Latchkey."""
import json, os, subprocess, sys, tempfile, textwrap, unittest

from test_main import PROGRAM, SITE, answers, free_port, request, wait_until

SETTINGS = """
    SECRET_KEY, ROOT_URLCONF, USE_TZ = "a secret of the test", "urls", True
    ALLOWED_HOSTS = ["testserver"]
    INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework",
                      "rest_framework.authtoken", "djoser"]
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
    REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"]}
    PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in
                        ("PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt")]
"""
URLS = """
    from django.urls import include, path
    urlpatterns = [path("auth/", include("djoser.urls")), path("auth/", include("djoser.urls.authtoken"))]
"""
# One user registers with Djoser; the others have the hashes of Django's other algorithms, at its own costs.
POPULATE = """
    import os, django
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    from django.contrib.auth.models import Group, User
    from django.contrib.auth.hashers import make_password
    from django.test import Client
    client, password = Client(), os.environ["PASSWORD"]
    fields = {"username": "djoser", "email": "djoser@example.com", "password": password, "re_password": password}
    assert client.post("/auth/users/", fields).status_code == 201
    assert client.post("/auth/token/login/", {"username": "djoser", "password": password}).status_code == 200
    for hasher in ("pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt"):
        user = User.objects.create(username=hasher, email=f"{hasher}@example.com",
                                   password=make_password(password, hasher=hasher))
    user.groups.add(Group.objects.create(name="Content Editors"))
    User.objects.create_user("unusable", "unusable@example.com", None, first_name="Ada", last_name="Lovelace")
    User.objects.create_user("inactive", "inactive@example.com", password, is_active=False)
    User.objects.create_superuser("root", "", password)
"""
PASSWORD = "tall-violet-änchor-92"
HASHERS = ("djoser", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt")


class MovingFromDjango(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, port = folder.name, free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.env = os.environ | {"LATCHKEY_LISTEN": f"127.0.0.1:{port}", "LATCHKEY_DATA_DIR": f"{self.folder}/data",
                                 "LATCHKEY_SITE_ROOT": SITE, "LATCHKEY_ARGON2": "m=64,t=1,p=1", "PASSWORD": PASSWORD}
        for name, text in (("settings", SETTINGS), ("urls", URLS), ("populate", POPULATE)):
            with open(f"{self.folder}/{name}.py", "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(text))

    def run_command(self, *command, code=0):
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def django(self, *arguments):
        return self.run_command(sys.executable, "-m", "django", *arguments, "--settings", "settings", "--pythonpath", ".")

    def exported(self):
        users = map(json.loads, self.run_command(PROGRAM, "user", "export").splitlines())
        return {user["email"].split("@")[0]: user for user in users}

    def sign_in(self, name):
        credentials = {"email": f"{name}@example.com", "password": PASSWORD}
        return request(f"{self.url}/api/user/login", body=credentials)[0]

    def test_users_move_with_their_passwords(self):
        self.django("migrate", "--verbosity", "0")
        self.run_command(sys.executable, "populate.py")
        self.django("dumpdata", "auth.group", "auth.user", "--natural-foreign", "--output", "users.json")
        report = self.run_command(PROGRAM, "user", "import", "users.json", "--format", "django", code=1)
        self.assertEqual(report, "line 1: (no email): email: This field is required.\nImported 8 users\n")
        users = self.exported()
        self.assertTrue(users["djoser"]["password_hash"].startswith("pbkdf2_sha256$1000000$"))
        self.assertEqual(users["scrypt"]["roles"], ["content-editors"])
        self.assertEqual((users["unusable"]["name"], users["unusable"]["password_hash"]), ("Ada Lovelace", None))
        self.assertEqual(users["bcrypt"]["app_metadata"], {"django_id": 5, "username": "bcrypt"})

        server = subprocess.Popen([PROGRAM], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        wait_until("it serves", lambda: answers(f"{self.url}/readyz"))
        for name in HASHERS:
            self.assertEqual(self.sign_in(name), 200, name)
        self.assertEqual((self.sign_in("unusable"), self.sign_in("inactive")), (401, 403))
        users = self.exported()
        for name in HASHERS:
            self.assertTrue(users[name]["password_hash"].startswith("$argon2id$v=19$m=64,t=1,p=1$"), name)
            self.assertEqual(self.sign_in(name), 200, name)


if __name__ == "__main__":
    unittest.main()
