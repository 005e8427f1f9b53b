"""A configured store, the simulated shop behind it, and the levels that its rules ask for.

The rules are written down a second time here, on purpose: the programs are checked against them.
"""

import math
import os
from collections import Counter
from dataclasses import dataclass, field

ITEM_BASE = 100000      # a simulated inventory item's id is this plus the product's id
WRONG_START = 7777      # a level before the first write: no product has that many


@dataclass
class Store:
    """One `[store.NAME]` section and what belongs to it."""
    name: str
    quantity: str = "available"
    basis: str = "free"
    locations: dict = field(default_factory=dict)   # Shopify location name -> warehouse codes
    buffer: int = 0
    offer_percent: int = 100
    cap: int = None
    location_base: int = 5000
    tls: bool = False       # HTTP/2 over TLS under the simulator's authority; else plain HTTP/1.1
    first_load: str = "go"  # tests, benchmarks and the demo run without a person
    bought: bool = False    # client id and secret instead of a static token
    credential_file: str = None

    @property
    def client_id(self):
        return f"app-{self.name}"

    @property
    def secret(self):
        return f"shpss_{self.name}_fedcba9876543210"

    @property
    def token(self):
        return f"shpat_{self.name}_0123456789abcdef"

    @property
    def group(self):
        return f"stocksync-{self.name}"

    @property
    def location_ids(self):
        return {name: self.location_base + index
                for index, name in enumerate(self.locations, start=1)}

    def section(self, simulator, directory):
        """The store's options; its credential goes to a file beside the configuration."""
        self.credential_file = os.path.join(directory, f"{self.name}.token")
        self.write_credential(self.secret if self.bought else self.token)
        credential = ({"client_id": self.client_id, "client_secret_file": self.credential_file}
                      if self.bought else {"access_token_file": self.credential_file})
        options = {
            "shop_domain": f"{self.name}.myshopify.com",
            "api_version": "2026-10",
            "api_url": simulator.api_url(self.name, self.tls),
            "ca_file": simulator.ca_file if self.tls else None,
            **credential,
            "quantity": self.quantity,
            "basis": self.basis,
            "first_load": self.first_load,
        }
        for location, codes in self.locations.items():
            options[f"location.{location}"] = ", ".join(codes)
        options["buffer"] = self.buffer
        options["offer_percent"] = self.offer_percent
        if self.cap is not None:
            options["cap"] = self.cap
        return options

    def write_credential(self, value):
        """The token, or the client secret, as a person would put it there."""
        with open(self.credential_file, "w", encoding="ascii") as file:
            file.write(value + "\n")
        os.chmod(self.credential_file, 0o600)

    def open_shop(self, simulator, skus, plan="standard", latency_ms=0):
        """Makes the simulated shop with one inventory item for each (product id, SKU, barcode), at
        every location with a quantity that is wrong on purpose."""
        access = ({"clientId": self.client_id, "clientSecret": self.secret} if self.bought else {})
        simulator.create_shop(self.name, None if self.bought else self.token, plan, latency_ms,
                              **access)
        levels = [{"location": number, "available": WRONG_START, "on_hand": WRONG_START,
                   "isActive": True} for number in self.location_ids.values()]
        simulator.load_catalogue(
            self.name,
            [{"id": number, "name": name} for name, number in self.location_ids.items()],
            [{"id": ITEM_BASE + product, "sku": sku, "barcode": barcode, "tracked": True,
              "levels": levels} for product, sku, barcode in skus])

    def wanted(self, location, numbers, codes):
        """A location's number.

        numbers  warehouse id -> something with the attribute that `basis` names
        codes    warehouse code -> id
        """
        total = math.fsum(getattr(numbers[codes[code]], self.basis)
                          for code in self.locations[location] if codes[code] in numbers)
        value = (total - self.buffer) * self.offer_percent / 100
        value = math.floor(value + 1e-9 * max(1.0, abs(value)))
        if self.cap is not None:
            value = min(value, self.cap)
        return max(value, 0)

    def expected(self, products, skus, codes, leave_out=()):
        """{(item, location id): quantity} that the shop must show.

        products   {id: odoo.Product}, the state that counts
        skus       what open_shop got
        leave_out  product ids that promise nothing
        Counted in: active, enabled, with a SKU that is one product's and one item's.
        """
        items = {}
        for product, sku, _ in skus:
            items.setdefault(sku, []).append(ITEM_BASE + product)
        sellable = [product for product in products.values()
                    if product.active and product.enabled and product.sku]
        carried = Counter(product.sku for product in sellable)
        result = {}
        for product in sellable:
            found = items.get(product.sku, [])
            if product.id in leave_out or carried[product.sku] != 1 or len(found) != 1:
                continue
            for location, number in self.location_ids.items():
                result[found[0], number] = self.wanted(location, product.warehouses, codes)
        return result


def skus_of(connection):
    """[(product id, SKU, barcode)] of every product that has a SKU, archived ones too."""
    return connection.execute(
        "SELECT id, default_code, coalesce(barcode, '') FROM public.product_product"
        " WHERE coalesce(default_code, '') <> '' ORDER BY id").fetchall()
