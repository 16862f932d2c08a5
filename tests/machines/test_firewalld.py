"""A site on hosts that have firewalld: the site's ports are opened for whom they are, and nothing of the owner's is touched."""
import re

import pytest

from bare_site import HOSTS, BareSite, on_all
from test_setup import is_reached

OWNERS = 'rule family="ipv4" source address="192.0.2.7" port port="9100" protocol="tcp" accept'
EVERY_HOST = {"7400"}
VOTER = {"2379", "2380"}
PORTS = {"cc": {"443", "8443", *VOTER, *EVERY_HOST}, "db": {"5432", "7401", *EVERY_HOST},
         "lb": {"443", "8443", "9000", *VOTER, *EVERY_HOST}}
ADDRESSES = {"ccm1": "10.77.0.11", "db1": "10.77.0.21", "lb1": "10.77.0.31"}
INNER_PORTS = {"ccm1": (2379, 2380, 7400), "db1": (5432, 7400), "lb1": (2379, 7400)}


@pytest.fixture(scope="module")
def site(setup_site) -> BareSite:
    usual, setup_site.packages = setup_site.packages, "openssh-server,firewalld"
    setup_site.condition = "off"
    setup_site.be_bare()
    yield setup_site
    setup_site.packages = usual
    setup_site.condition = "off"


def rules(site: BareSite, host: str, *options: str) -> set[str]:
    return set(site.lab.inside(host, "firewall-cmd", *options, "--list-rich-rules").splitlines())


def rules_everywhere(site: BareSite) -> dict[str, set[str]]:
    found = on_all(lambda host: rules(site, host))
    assert found == on_all(lambda host: rules(site, host, "--permanent")), "the rules of now are those of the next boot"
    return found


def test_exactly_the_ports_of_the_matrix_are_opened(site):
    for option in ("--permanent", "--quiet"):
        on_all(lambda host: site.lab.inside(host, "firewall-cmd", option, f"--add-rich-rule={OWNERS}"))
    assert not is_reached(site, ADDRESSES["lb1"], 443), "firewalld does not let it in by itself"
    site.condition = "open"
    done = site.run("apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    site.lab.wait_healthy()
    for host, found in rules_everywhere(site).items():
        assert OWNERS in found and len(found) > 5, (host, found)
        ports = set(re.findall(r'port port="(\d+)"', "\n".join(found - {OWNERS})))
        assert ports == PORTS[host[:2]], host
    again = site.run("apply", "--yes")
    assert again.returncode == 0 and "[" not in again.stdout, again.stdout + again.stderr


def test_strangers_reach_what_is_for_everyone_only(site):
    assert is_reached(site, ADDRESSES["lb1"], 443)
    for host, ports in INNER_PORTS.items():
        for port in ports:
            assert not is_reached(site, ADDRESSES[host], port), f"{host}:{port} is reached from outside"
    assert is_reached(site, ADDRESSES["ccm1"], 2379, "db1")


def test_the_rules_outlive_a_boot(site):
    before = rules_everywhere(site)
    site.lab.verb("reboot", "db2", limit=120)
    site.lab.wait_healthy()
    assert rules_everywhere(site) == before


def test_destroy_takes_the_sites_rules_back_and_leaves_the_owners(site):
    done = site.run("destroy", "--yes", "--confirm", "destroy lab")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rules_everywhere(site) == {host: {OWNERS} for host in HOSTS}
