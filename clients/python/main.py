"""A FastAPI service that verifies Latchkey's access tokens by the protocol of docs/verifying-tokens.md."""
import httpx, json, jwt, logging, os, random, threading, time
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

LATCHKEY, KEY = os.environ["LATCHKEY_URL"].rstrip("/"), {"Authorization": f"Bearer {os.environ['LATCHKEY_KEY']}"}
ISSUER = os.environ.get("LATCHKEY_ISSUER", LATCHKEY)  # its public URL, where this service uses another
http = httpx.Client(base_url=LATCHKEY, timeout=5)
uptime = lambda: int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)  # ms; counts on while suspended

class Told:  # what one connection to the stream has told
    def __init__(self, lifetime):
        self.pairs, self.before, self.until, self.lifetime = set(), {}, 0, lifetime
    def add(self, entry):
        sub, pair, before = entry["sub"], entry.get("sid") or entry.get("gen"), entry.get("before", float("inf"))
        if pair: self.pairs.add((sub, pair))
        else: self.before[sub] = max(before, self.before.get(sub, before))  # one of another kind ends everything
    def revokes(self, c):
        own = {(c["sub"], c["sid"]), (c["sub"], c.get("gen"))}
        return own & self.pairs or c["iat"] < self.before.get(c["sub"], c["iat"])

told = Told(None)  # replaced as a whole, by the first heartbeat of a new connection that counts
def follow():
    global told
    sent = uptime()
    with http.stream("GET", "/api/token/revocations", headers=KEY, timeout=httpx.Timeout(5, read=2)) as response:
        response.raise_for_status()
        received, here = uptime(), Told(int(response.headers["latchkey-token-lifetime"]))
        smallest, uncertainty, lease = received - int(response.headers["latchkey-at"]), received - sent + 1, 0
        for line in response.iter_lines():
            data = json.loads(line[6:]) if line.startswith("data: ") else {}
            for entry in data.get("revoked", [data] if "sub" in data else []):
                here.add(entry), told.add(entry)
            lease = data.get("lease_ms", lease)
            if "at" in data:
                smallest = min(smallest, uptime() - data["at"])
                here.until = data["at"] + smallest - 1 - uncertainty + lease
                told = here if here.until > uptime() else told

def follow_always():
    while True:
        try: follow()
        except Exception as error: logging.warning("the stream of revocations: %s", error)
        time.sleep(random.uniform(0.05, 0.5))

threading.Thread(target=follow_always, daemon=True).start()
keys, fetched, lock = {}, -1e9, threading.Lock()

def key_of(kid):
    global keys, fetched
    with lock:
        age = time.monotonic() - fetched
        if age > 300 or (kid not in keys and age > 1):  # an unknown key asks for newer ones, once a second
            fetched, jwks = time.monotonic(), http.get("/.well-known/jwks.json").raise_for_status().json()["keys"]
            keys = {jwk["kid"]: jwt.PyJWK(jwk) for jwk in jwks if jwk["kty"] in ("OKP", "EC")}
        return keys.get(kid)

def introspect(token):
    answer = http.post("/api/token/introspect", headers=KEY, data={"token": token}).raise_for_status().json()
    if answer["active"]: return answer
    raise jwt.InvalidTokenError("not active")

def user(sent: HTTPAuthorizationCredentials = Depends(HTTPBearer())):
    try:
        key = key_of(jwt.get_unverified_header(sent.credentials).get("kid"))
        if key is None: raise jwt.InvalidTokenError("an unknown key")
        options, state = {"require": ["exp", "iat", "sub", "sid"], "verify_iat": False}, told
        claims = jwt.decode(sent.credentials, key, [key.algorithm_name], options, issuer=ISSUER, audience=ISSUER)
        if claims["token_type"] != "access" or claims["iat"] > time.time() + 60 or state.revokes(claims):
            raise jwt.InvalidTokenError("not an access token, or revoked")
        is_known = uptime() < state.until and claims["exp"] - claims["iat"] <= state.lifetime
        return claims if is_known else introspect(sent.credentials)
    except (jwt.InvalidTokenError, KeyError): raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    except httpx.HTTPError: raise HTTPException(503, headers={"Retry-After": "1"})

app = FastAPI()

@app.get("/me")
def me(claims: dict = Depends(user)): return {"user": claims["sub"]}
