"""gemel-address against an OpenStack that checks every request."""
import stat

import pytest

from fake_openstack import OpenStack
from fake_service import Answer, as_json

DENIED, REFUSED, NOT_FOUND, TIMED_OUT, UNREACHABLE, USAGE = 7, 3, 4, 5, 6, 2
AGENTS_LIMIT = 10
TOKENS = "/identity/v3/auth/tokens"


@pytest.fixture
def cloud(host):
    service = OpenStack()
    configure(host, service)
    yield service
    service.close()
    assert service.complaints == []


def configure(host, service, keys: str = "") -> None:
    secret = host.folder / "secret"
    if not secret.exists():
        secret.write_text("app-secret\n")
        secret.chmod(0o600)
    host.write("openstack", f'[openstack]\nauth_url = "{service.url}/identity"\napplication_credential_id = "cred-1"\n'
                            f'secret_file = "{secret}"\n{keys}\n')


def with_fixed_address(service) -> None:
    service.ports[0]["fixed_ips"].append({"ip_address": "10.0.0.9", "subnet_id": "s"})


def test_a_port_that_lets_the_address_through_is_enough(cloud, host):
    done = host.run()
    assert (done.code, done.text) == (0, "")
    assert {asked.method for asked in cloud.asked} == {"GET", "POST"}, "nothing was changed"


def test_a_port_that_drops_the_address_is_named_with_the_command_that_mends_it(cloud, host):
    cloud.ports[0]["allowed_address_pairs"] = []
    for verb in ("check", "take"):
        done = host.run(verb)
        assert done.code == REFUSED
        assert "openstack port set --allowed-address ip-address=10.0.0.9 port-me" in done.text


def test_a_token_is_kept_for_the_next_call_and_for_root_alone(cloud, host):
    assert host.run().code == 0
    assert host.run().code == 0
    assert cloud.count("POST", TOKENS) == 1
    assert stat.S_IMODE((host.notes / "openstack.token").stat().st_mode) == 0o600
    assert stat.S_IMODE(host.notes.stat().st_mode) == 0o700


def test_a_token_is_renewed_before_it_ends(cloud, host):
    cloud.token_life = 240
    assert host.run().code == 0
    assert host.run().code == 0
    assert cloud.count("POST", TOKENS) == 2


def test_a_token_that_was_revoked_is_renewed(cloud, host):
    assert host.run().code == 0
    cloud.tokens = dict.fromkeys(cloud.tokens, False)
    done = host.run()
    assert done.code == 0, done.text
    assert cloud.count("POST", TOKENS) == 2


def test_a_note_that_is_damaged_is_no_obstacle(cloud, host):
    assert host.run().code == 0
    (host.notes / "openstack.token").write_text("{")
    assert host.run().code == 0


def test_a_wrong_secret_is_told_where_it_is(cloud, host):
    cloud.secret = "another"
    done = host.run()
    assert done.code == DENIED
    assert "cred-1" in done.text and str(host.folder / "secret") in done.text
    assert "app-secret" not in done.text


def test_a_secret_that_others_can_read_is_not_used(cloud, host):
    (host.folder / "secret").chmod(0o640)
    done = host.run()
    assert done.code == USAGE and "chmod 600" in done.text
    (host.folder / "secret").unlink()
    assert "one line, mode 0600" in host.run().text
    assert cloud.asked == []


def test_a_floating_ip_is_moved_here_and_stays(cloud, host):
    with_fixed_address(cloud)
    configure(host, cloud, 'floating_ip = "fip-1"')
    assert host.run("check").code == 0
    assert cloud.floating["fip-1"]["port_id"] == "port-old", "a check changes nothing"
    assert host.run().code == 0
    assert cloud.floating["fip-1"] == {"id": "fip-1", "port_id": "port-me", "fixed_ip_address": "10.0.0.9"}
    assert host.run().code == 0
    assert cloud.count("PUT", "/network") == 1, "nothing was to change"
    cloud.floating["fip-1"]["port_id"] = "port-old"
    assert host.run().code == 0
    assert cloud.floating["fip-1"]["port_id"] == "port-me"


def test_a_floating_ip_needs_a_fixed_address(cloud, host):
    configure(host, cloud, 'floating_ip = "fip-1"')
    done = host.run()
    assert done.code == REFUSED
    assert "--fixed-ip ip-address=10.0.0.9 port-me" in done.text


def test_a_role_that_may_not_move_a_floating_ip_is_told_which_rule(cloud, host):
    with_fixed_address(cloud)
    configure(host, cloud, 'floating_ip = "fip-1"')
    cloud.may_move = False
    done = host.run()
    assert done.code == DENIED
    assert "update_floatingip" in done.text and "may not move floating IP fip-1" in done.text


def test_a_floating_ip_that_is_not_there(cloud, host):
    with_fixed_address(cloud)
    configure(host, cloud, 'floating_ip = "fip-9"')
    done = host.run()
    assert done.code == NOT_FOUND and "fip-9" in done.text


def test_a_credential_of_another_project_sees_no_port(cloud, host):
    cloud.ports = []
    done = host.run()
    assert done.code == NOT_FOUND and "0 ports" in done.text


def test_trouble_that_passes_is_waited_out(cloud, host):
    cloud.troubles = [Answer(429), as_json(503, {"NeutronError": {"message": "busy"}})]
    done = host.run()
    assert done.code == 0, done.text
    assert cloud.count("GET", "/network/v2.0/ports") == 3


def test_a_service_that_hangs_does_not_hang_the_program(cloud, host):
    cloud.hang = 60
    done = host.run()
    assert done.code == TIMED_OUT
    assert done.seconds < AGENTS_LIMIT
    assert "given up to ask Keystone for a token" in done.text


def test_a_service_that_is_off_is_said_to_be_off(cloud, host):
    host.write("openstack", '[openstack]\nauth_url = "http://127.0.0.1:9/v3"\napplication_credential_id = "cred-1"\n'
                            f'secret_file = "{host.folder}/secret"\n')
    done = host.run()
    assert done.code == UNREACHABLE
    assert done.seconds < AGENTS_LIMIT


def test_a_token_is_not_sent_without_tls(cloud, host):
    cloud.network_url = "http://192.0.2.1:9696"
    done = host.run()
    assert done.code == DENIED and done.seconds < 2
    assert "http://192.0.2.1:9696" in done.text and "without TLS" in done.text


def test_a_catalogue_without_the_region_is_shown(cloud, host):
    configure(host, cloud, 'region = "two"')
    done = host.run()
    assert done.code == NOT_FOUND and "public in one" in done.text
