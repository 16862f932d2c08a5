"""Keystone's Identity API v3 and Neutron's Networking API v2.0, as far as gemel-address uses them; one server for both."""
import json
from urllib.parse import parse_qs, urlsplit

from fake_service import Answer, Asked, Service, as_json, utc

MAC = "00:00:00:00:00:00"


class OpenStack(Service):
    """`troubles` are answers given first to Neutron's requests, one each, in their order."""

    def __init__(self, certificate: str = "", key: str = ""):
        self.secret = "app-secret"
        self.tokens: dict[str, bool] = {}  # token: is valid
        self.token_life = 3600.0
        self.ports = [{"id": "port-me", "mac_address": MAC, "port_security_enabled": True,
                       "fixed_ips": [{"ip_address": "10.0.0.21", "subnet_id": "s"}],
                       "allowed_address_pairs": [{"ip_address": "10.0.0.9", "mac_address": MAC}]}]
        self.floating = {"fip-1": {"id": "fip-1", "port_id": "port-old", "fixed_ip_address": "10.1.0.9"}}
        self.may_move = True
        self.network_url = ""  # in the catalogue; empty: this server
        self.troubles: list[Answer] = []
        super().__init__(certificate, key)

    def count(self, method: str, path: str) -> int:
        return sum(asked.method == method and asked.target.startswith(path) for asked in self.asked)

    def answer(self, asked: Asked) -> Answer:
        if asked.target == "/identity/v3/auth/tokens":
            return self.give_token(asked)
        if not self.tokens.get(asked.headers.get("x-auth-token", ""), False):
            return as_json(401, {"error": {"message": "The request you have made requires authentication."}})
        if self.troubles:
            return self.troubles.pop(0)
        place = urlsplit(asked.target)
        if asked.method == "GET" and place.path == "/network/v2.0/ports":
            return self.list_ports(parse_qs(place.query, strict_parsing=True))
        name = place.path.removeprefix("/network/v2.0/floatingips/")
        if name not in self.floating:
            return as_json(404, {"NeutronError": {"message": f"Floating IP {name} could not be found"}})
        if asked.method == "PUT":
            return self.move(name, json.loads(asked.body))
        return as_json(200, {"floatingip": self.floating[name]})

    def give_token(self, asked: Asked) -> Answer:
        identity = json.loads(asked.body)["auth"]["identity"]
        if asked.method != "POST" or identity["methods"] != ["application_credential"]:
            self.refuse("form of the request for a token")
        if identity["application_credential"] != {"id": "cred-1", "secret": self.secret}:
            return as_json(401, {"error": {"message": "The request you have made requires authentication."}})
        token = f"gAAAA{len(self.tokens)}"
        self.tokens[token] = True
        endpoints = [{"interface": "public", "region": "one", "region_id": "one",
                      "url": self.network_url or self.url + "/network/"}]
        return as_json(201, {"token": {"expires_at": utc(self.token_life).replace("Z", ".000000Z"),
                                       "catalog": [{"type": "network", "endpoints": endpoints}]}},
                       x_subject_token=token)

    def list_ports(self, query) -> Answer:
        if set(query) != {"mac_address", "fixed_ips"}:
            self.refuse(f"query of ports: {query}")
        wanted = query["fixed_ips"][0].removeprefix("ip_address=")
        found = [port for port in self.ports if port["mac_address"] == query["mac_address"][0]
                 and wanted in [fixed["ip_address"] for fixed in port["fixed_ips"]]]
        return as_json(200, {"ports": found})

    def move(self, name: str, body) -> Answer:
        if not self.may_move:
            return as_json(403, {"NeutronError": {"type": "PolicyNotAuthorized",
                                                  "message": "rule:update_floatingip is disallowed by policy"}})
        change = body["floatingip"]
        port = next((port for port in self.ports if port["id"] == change["port_id"]), None)
        if port is None or set(change) != {"port_id", "fixed_ip_address"}:
            self.refuse(f"move of a floating IP: {change}")
            return as_json(400, {"NeutronError": {"message": "bad request"}})
        if change["fixed_ip_address"] not in [fixed["ip_address"] for fixed in port["fixed_ips"]]:
            return as_json(409, {"NeutronError": {"message": "the port has no such fixed address"}})
        self.floating[name] |= change
        return as_json(200, {"floatingip": self.floating[name]})
