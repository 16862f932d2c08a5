"""EC2's query API and the instance metadata service, version 2, as far as gemel-address uses them. Signatures are checked
by an implementation of its own, every parameter against the list of its action."""
import calendar
import hashlib
import hmac
import re
import time
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from fake_service import Answer, Asked, Service, as_json, utc

REGION = "eu-central-1"
MAC = "00:00:00:00:00:00"  # of the interface "lo", which every machine has
PARAMETERS = {
    "AssignPrivateIpAddresses": {"NetworkInterfaceId", "PrivateIpAddress.1", "AllowReassignment"},
    "AssociateAddress": {"AllocationId", "NetworkInterfaceId", "PrivateIpAddress", "AllowReassociation"},
    "DescribeAddresses": {"AllocationId.1"},
    "ReplaceRoute": {"RouteTableId", "DestinationCidrBlock", "NetworkInterfaceId"},
    "CreateRoute": {"RouteTableId", "DestinationCidrBlock", "NetworkInterfaceId"},
    "DescribeRouteTables": {"RouteTableId.1"},
    "DescribeNetworkInterfaceAttribute": {"NetworkInterfaceId", "Attribute"},
}


class Cloud:
    """What is true in the account; shared by both services."""

    def __init__(self):
        self.addresses = {"eni-old": ["10.0.0.22", "10.0.0.9"], "eni-me": ["10.0.0.21"]}
        self.elastic = {"eipalloc-1": ("eni-old", "10.0.0.9")}
        self.routes = {"rtb-1": {"192.0.2.9/32": "eni-old"}, "rtb-2": {}}
        self.source_check = True
        self.keys = [{"id": "ASIA1", "secret": "very/secret+1", "session": "session1==", "life": 3600.0}]
        self.accepted = {"ASIA1"}  # keys that EC2 has not forgotten
        self.lag = 0  # looks at the metadata before they show a change
        self.pending: dict[str, list[str]] = {}


class Metadata(Service):
    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.version_2 = True
        self.role = "gemel-database"
        self.tokens: set[str] = set()
        super().__init__()

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "PUT" and asked.target == "/latest/api/token":
            if not self.version_2:
                return Answer(405)
            if asked.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "") not in map(str, range(1, 21601)):
                return Answer(400)
            self.tokens.add(f"token{len(self.tokens)}")
            return Answer(200, f"token{len(self.tokens) - 1}")
        if asked.headers.get("x-aws-ec2-metadata-token") not in self.tokens:
            self.refuse("asked without a token of version 2")
            return Answer(401)
        text = self.read(asked.target.removeprefix("/latest/meta-data/"))
        return Answer(404, "not here") if text is None else Answer(200, text)

    def read(self, path: str) -> str | None:
        key = self.cloud.keys[0]
        interface = f"network/interfaces/macs/{MAC}/"
        if path == interface + "local-ipv4s":
            return "\n".join(self.seen_addresses())
        role = f"iam/security-credentials/{self.role}" if self.role else None
        if path == role:
            return as_json(200, {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key["id"],
                                 "SecretAccessKey": key["secret"], "Token": key["session"],
                                 "Expiration": utc(key["life"])}).body
        return {interface + "interface-id": "eni-me", interface + "subnet-ipv4-cidr-block": "10.0.0.0/24",
                "placement/region": REGION, "services/domain": "amazonaws.test",
                "iam/security-credentials/": self.role or None}.get(path)

    def seen_addresses(self) -> list[str]:
        """As on the real thing, a change is not there at once."""
        if self.cloud.lag > 0 and self.cloud.pending:
            self.cloud.lag -= 1
            return self.cloud.pending["before"]
        return self.cloud.addresses["eni-me"]


def xml_error(status: int, code: str, message: str) -> Answer:
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code>'
                          f"<Message>{escape(message)}</Message></Error></Errors><RequestID>r-1</RequestID></Response>")


class Ec2(Service):
    """`troubles` are answers given first, one per request, in their order."""

    def __init__(self, cloud: Cloud, certificate: str = "", key: str = ""):
        self.cloud = cloud
        self.denied: set[str] = set()
        self.troubles: list[Answer] = []
        self.actions: list[dict[str, str]] = []
        super().__init__(certificate, key)

    def changes(self) -> list[str]:
        return [call["Action"] for call in self.actions
                if not call["Action"].startswith("Describe") and call.get("DryRun") != "true"]

    def answer(self, asked: Asked) -> Answer:
        trouble = self.check_signature(asked)
        if trouble:
            return trouble
        call = dict(parse_qsl(asked.body, strict_parsing=True))
        action = call.get("Action", "")
        self.actions.append(call)
        if self.troubles:
            return self.troubles.pop(0)
        rest = set(call) - {"Action", "Version", "DryRun"}
        if call.get("Version") != "2016-11-15" or rest != PARAMETERS.get(action):
            self.refuse(f"parameters of {action}: {sorted(rest)}")
            return xml_error(400, "UnknownParameter", f"The parameters {rest} are not recognized")
        if action in self.denied:
            return xml_error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
        if call.get("DryRun") == "true":
            return xml_error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        return getattr(self, "do_" + re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower())(call)

    # Signature Version 4, from its specification.
    def check_signature(self, asked: Asked) -> Answer | None:
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                             r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})", asked.headers.get("authorization", ""))
        if not match:
            self.refuse("no signature")
            return xml_error(401, "AuthFailure", "no signature")
        identity, day, region, service, names, found = match.groups()
        key = next((key for key in self.cloud.keys if key["id"] == identity), None)
        when = asked.headers.get("x-amz-date", "")
        signed = names.split(";")
        must = {"host", "content-type", "x-amz-date"} | ({"x-amz-security-token"} if key else set())
        if (region, service) != (REGION, "ec2") or not must <= set(signed) or asked.headers.get("host") != self.host:
            self.refuse(f"scope or headers: {region} {service} {names} {asked.headers.get('host')}")
            return xml_error(401, "AuthFailure", "scope")
        off = abs(calendar.timegm(time.strptime(when, "%Y%m%dT%H%M%SZ")) - time.time())
        if identity not in self.cloud.accepted or off > 300 or not when.startswith(day):
            return xml_error(400, "RequestExpired", "Request has expired.")
        canonical = "\n".join([asked.method, asked.target, "",
                               *(f"{name}:{' '.join(asked.headers[name].split())}" for name in signed), "", names,
                               hashlib.sha256(asked.body.encode()).hexdigest()])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", when, f"{day}/{region}/{service}/aws4_request",
                             hashlib.sha256(canonical.encode()).hexdigest()])
        secret = ("AWS4" + key["secret"]).encode()
        for part in (day, region, service, "aws4_request"):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        wanted = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
        if wanted != found or signed != sorted(signed) or asked.headers["x-amz-security-token"] != key["session"]:
            self.refuse("wrong signature")
            return xml_error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        return None

    def do_assign_private_ip_addresses(self, call) -> Answer:
        if call["AllowReassignment"] != "true":
            return xml_error(400, "InvalidParameterValue", "in use")
        address, interface = call["PrivateIpAddress.1"], call["NetworkInterfaceId"]
        self.cloud.pending["before"] = list(self.cloud.addresses["eni-me"])
        for held in self.cloud.addresses.values():
            if address in held:
                held.remove(address)
        self.cloud.addresses[interface].append(address)
        return Answer(200, "<AssignPrivateIpAddressesResponse><return>true</return></AssignPrivateIpAddressesResponse>")

    def do_associate_address(self, call) -> Answer:
        if call["PrivateIpAddress"] not in self.cloud.addresses[call["NetworkInterfaceId"]]:
            return xml_error(400, "InvalidParameterValue", "the address is not assigned to the interface")
        self.cloud.elastic[call["AllocationId"]] = (call["NetworkInterfaceId"], call["PrivateIpAddress"])
        return Answer(200, "<AssociateAddressResponse><return>true</return></AssociateAddressResponse>")

    def do_describe_addresses(self, call) -> Answer:
        interface, address = self.cloud.elastic[call["AllocationId.1"]]
        return Answer(200, f"<DescribeAddressesResponse><addressesSet><item><networkInterfaceId>{interface}"
                           f"</networkInterfaceId><privateIpAddress>{address}</privateIpAddress></item></addressesSet>"
                           "</DescribeAddressesResponse>")

    def do_replace_route(self, call) -> Answer:
        routes = self.cloud.routes[call["RouteTableId"]]
        if call["DestinationCidrBlock"] not in routes:
            return xml_error(400, "InvalidRoute.NotFound", "no route with destination-cidr-block")
        return self.do_create_route(call)

    def do_create_route(self, call) -> Answer:
        self.cloud.routes[call["RouteTableId"]][call["DestinationCidrBlock"]] = call["NetworkInterfaceId"]
        return Answer(200, f"<{call['Action']}Response><return>true</return></{call['Action']}Response>")

    def do_describe_route_tables(self, call) -> Answer:
        items = "".join(f"<item><destinationCidrBlock>{block}</destinationCidrBlock><networkInterfaceId>{interface}"
                        "</networkInterfaceId><state>active</state></item>"
                        for block, interface in self.cloud.routes[call["RouteTableId.1"]].items())
        return Answer(200, f"<DescribeRouteTablesResponse><routeTableSet><item><routeSet>{items}</routeSet></item>"
                           "</routeTableSet></DescribeRouteTablesResponse>")

    def do_describe_network_interface_attribute(self, _call) -> Answer:
        value = "true" if self.cloud.source_check else "false"
        return Answer(200, "<DescribeNetworkInterfaceAttributeResponse><networkInterfaceId>eni-me</networkInterfaceId>"
                           f"<sourceDestCheck><value>{value}</value></sourceDestCheck>"
                           "</DescribeNetworkInterfaceAttributeResponse>")
