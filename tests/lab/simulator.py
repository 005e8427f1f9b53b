"""The Shopify simulator: starting it, and its control interface."""

import json
import os
import select
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from . import process
from .authority import Authority

FOLDER = os.path.join(process.ROOT, "tests", "shopify_sim")


class Simulator:
    """`with Simulator() as simulator:` … one server for any number of shops.

    It listens twice: plain HTTP/1.1, and TLS with HTTP/2 (http1: without) under an authority of its
    own, whose certificate is `ca_file`.

    identity   (certificate file, key file) instead of a good one
    """

    def __init__(self, directory=None, node="node", identity=None, http1=False):
        self._temporary = directory is None
        self._identity, self._http1 = identity, http1
        self.directory = directory or process.scratch("stocksync-sim-")
        self.log = os.path.join(self.directory, "simulator.log")
        self._node = node
        self.url = self.tls_url = None
        self.ca_file = None
        self.child = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @staticmethod
    def setup():
        """Gets its one dependency and Shopify's schema, once."""
        done = subprocess.run([os.path.join(FOLDER, "setup")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"tests/shopify_sim/setup: {done.stdout}")

    def start(self):
        try:
            os.makedirs(self.directory, exist_ok=True)
            authority = Authority(os.path.join(self.directory, "authority"))
            self.ca_file = authority.file
            certificate, key = self._identity or authority.issue("simulator")
            self.child = process.Child(
                [self._node, os.path.join(FOLDER, "server.js"), "--cert", certificate,
                 "--key", key, *(["--http1"] if self._http1 else [])],
                self.log, death=signal.SIGTERM, stdout=subprocess.PIPE)
            urls = json.loads(self._first_line())
            self.url, self.tls_url = urls["url"], urls["tlsUrl"]
        except BaseException:
            self.stop()
            raise
        return self

    def _first_line(self):
        line, deadline = b"", time.monotonic() + 60
        pipe = self.child.popen.stdout
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], max(0, deadline - time.monotonic()))
            byte = os.read(pipe.fileno(), 1) if ready else b""
            if not byte:
                raise RuntimeError(f"the simulator did not start:\n{self.child.tail()}")
            line += byte
        return line

    def stop(self):
        if self.child is not None:
            self.child.popen.stdout.close()
            self.child.stop(signal.SIGTERM)
            self.child = None
        if self._temporary:
            process.remove(self.directory)

    def call(self, method, path, body=None):
        """One call of the control interface; its JSON answer."""
        request = urllib.request.Request(
            self.url + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from None
        return json.loads(text) if text else None

    # Shops

    @property
    def tls_port(self):
        return urllib.parse.urlsplit(self.tls_url).port

    def api_url(self, shop, tls=False):
        return f"{self.tls_url if tls else self.url}/shops/{shop}"

    def create_shop(self, name, token, plan="standard", latency_ms=0, **access):
        """token: a static one, or None; access: clientId, clientSecret, tokenLifeS, scopes."""
        self.call("POST", "/control/shops",
                  {"name": name, "plan": plan, "latencyMs": latency_ms, **access,
                   **({} if token is None else {"token": token})})

    def change_app(self, shop, **change):
        """installed, sameOrganisation, revoke, clientSecret, token, tokenLifeS, scopes."""
        self.call("POST", f"/control/shops/{shop}/app", change)

    def advance(self, seconds):
        """Moves the clock of keys, tokens and search."""
        self.call("POST", "/control/clock", {"advanceMs": round(seconds * 1000)})

    def load_catalogue(self, shop, locations, items):
        """locations: [{id, name}]; items: [{id, sku, barcode, tracked, levels: [{location,
        available, on_hand, isActive}]}]."""
        self.call("POST", f"/control/shops/{shop}/catalogue",
                  {"locations": locations, "items": items})

    def change_catalogue(self, shop, items=(), remove=(), locations=()):
        """Adds items and locations, changes members that are given, removes item ids."""
        self.call("POST", f"/control/shops/{shop}/catalogue",
                  {"append": True, "locations": list(locations), "items": list(items),
                   "remove": list(remove)})

    def bulk(self, shop, **switches):
        """How bulk operations end: status, polls, cuts, fileStatus."""
        self.call("POST", f"/control/shops/{shop}/bulk", switches)

    def search_lag(self, shop, seconds):
        """New items are found by search only after that time."""
        self.call("POST", f"/control/shops/{shop}/search", {"lagMs": round(seconds * 1000)})

    def levels(self, shop):
        """{(item, location): level}"""
        answer = self.call("GET", f"/control/shops/{shop}/levels")
        return {(level["item"], level["location"]): level for level in answer["levels"]}

    def journal(self, shop, after=0):
        return self.call("GET", f"/control/shops/{shop}/journal?after={after}")["journal"]

    def applied(self, shop):
        """The journal's mutations that changed something."""
        return [entry for entry in self.journal(shop) if entry["outcome"] == "applied"]

    def stats(self, shop):
        return self.call("GET", f"/control/shops/{shop}/stats")

    def requests(self, shop=None):
        """The last 10,000 requests that arrived, or those of them that were for one shop."""
        return [one for one in self.call("GET", "/control/requests")["requests"]
                if shop is None or one["shop"] == shop]

    def fault(self, shop, kind, **more):
        """Plants a fault; its id."""
        return self.call("POST", f"/control/shops/{shop}/faults", {"kind": kind, **more})["id"]

    def heal(self, shop, fault=None):
        """Removes one fault, or all of a shop."""
        tail = "" if fault is None else f"/{fault}"
        self.call("DELETE", f"/control/shops/{shop}/faults{tail}")

    # What happens at a shop without us. `what`: a SKU, or the number of an inventory item.

    def _happen(self, shop, kind, **what):
        given = {name: value for name, value in what.items() if value is not None}
        return self.call("POST", f"/control/shops/{shop}/{kind}", given)

    @staticmethod
    def _item(what):
        return {"sku": what} if isinstance(what, str) else {"item": what}

    def order(self, shop, action, sku, location, quantity, to=None):
        """place, fulfil, cancel, adjust, or move a placed order to another location; the level.

        location   None for place: wherever the units are
        """
        return self._happen(shop, "orders", action=action, location=location, quantity=quantity,
                            to=to, **self._item(sku))

    def transfer(self, shop, what, origin, destination, quantity):
        """A transfer that is ready to ship: its units are reserved. Its id, for `proceed`."""
        return self._happen(shop, "transfers", action="ready", location=origin,
                            destination=destination, quantity=quantity, **self._item(what))["id"]

    def proceed(self, shop, transfer, action):
        """ship or cancel one that is ready, receive one that is shipped."""
        return self._happen(shop, "transfers", action=action, id=transfer)

    def edit(self, shop, what, location, quantity, name="available"):
        """A person sets a level's available or on_hand; the level afterwards."""
        return self._happen(shop, "edits", location=location, quantity=quantity, name=name,
                            **self._item(what))

    def other_app(self, shop, what, location, quantity=None, delta=None, name="available"):
        """Another app sets a level to `quantity`, or adjusts it by `delta`."""
        return self._happen(shop, "edits", location=location, quantity=quantity, delta=delta,
                            name=name, **self._item(what))

    def track(self, shop, what, tracked=True):
        self._happen(shop, "items", action="track" if tracked else "untrack", **self._item(what))

    def delete_item(self, shop, what):
        self._happen(shop, "items", action="delete", **self._item(what))

    def deactivate_level(self, shop, what, location):
        """Refused while units are held there and no other level of the item is active."""
        return self._happen(shop, "levels", action="deactivate", location=location,
                            **self._item(what))

    def activate_level(self, shop, what, location):
        """It comes back with its old numbers."""
        return self._happen(shop, "levels", action="activate", location=location,
                            **self._item(what))

    def close_location(self, shop, location, destination=None):
        """Its levels end inactive; the destination gets what they held."""
        self._happen(shop, "locations", action="close", location=location,
                     destination=destination)

    def open_location(self, shop, location):
        """Its levels stay inactive."""
        self._happen(shop, "locations", action="open", location=location)

    def delete_location(self, shop, location, destination=None):
        """Closes it first; its levels are gone."""
        self._happen(shop, "locations", action="delete", location=location,
                     destination=destination)
