"""gemel-address against an AWS that checks every signature and parameter."""
import pytest

from fake_aws import Cloud, Ec2, Metadata, xml_error

DENIED, REFUSED, NOT_FOUND, TIMED_OUT, UNREACHABLE = 7, 3, 4, 5, 6
# The agent kills the program after 10 s.
AGENTS_LIMIT = 10


class Aws:
    def __init__(self, host, certificate=("", "")):
        self.host = host
        self.cloud = Cloud()
        self.metadata = Metadata(self.cloud)
        self.ec2 = Ec2(self.cloud, *certificate)
        self.configure()

    def configure(self, keys: str = "") -> None:
        self.host.write("aws", f'[aws]\nendpoint = "{self.ec2.url}"\nmetadata = "{self.metadata.url}"\n{keys}\n')

    def close(self) -> None:
        self.metadata.close()
        self.ec2.close()


@pytest.fixture
def aws(host):
    site = Aws(host)
    yield site
    site.close()
    assert site.ec2.complaints == [] and site.metadata.complaints == []


def test_moves_a_secondary_address_to_this_hosts_interface(aws, host):
    done = host.run()
    assert (done.code, done.text) == (0, "")
    assert aws.cloud.addresses == {"eni-old": ["10.0.0.22"], "eni-me": ["10.0.0.21", "10.0.0.9"]}
    assert aws.ec2.actions == [{"Action": "AssignPrivateIpAddresses", "Version": "2016-11-15", "AllowReassignment": "true",
                                "NetworkInterfaceId": "eni-me", "PrivateIpAddress.1": "10.0.0.9"}]


def test_is_done_only_when_the_instance_shows_the_address(aws, host):
    aws.cloud.lag = 4
    assert host.run().code == 0
    shown = [asked for asked in aws.metadata.asked if asked.target.endswith("local-ipv4s")]
    assert len(shown) == 5


def test_a_call_that_finds_nothing_to_do_asks_the_instance_alone(aws, host):
    assert host.run(epoch=7).code == 0
    assert host.run(epoch=7).code == 0
    assert len(aws.ec2.actions) == 1
    # A former primary took it back, late: the present one heals it.
    aws.cloud.addresses = {"eni-old": ["10.0.0.22", "10.0.0.9"], "eni-me": ["10.0.0.21"]}
    assert host.run(epoch=7).code == 0
    assert len(aws.ec2.actions) == 2
    # A new epoch: what the instance shows may be older than the other's move.
    assert host.run(epoch=8).code == 0
    assert len(aws.ec2.actions) == 3


def test_is_throttled_and_comes_back_in_time(aws, host):
    slow_down = xml_error(503, "RequestLimitExceeded", "Request limit exceeded.")
    aws.ec2.troubles = [slow_down, slow_down, xml_error(500, "InternalError", "An internal error has occurred")]
    done = host.run()
    assert done.code == 0, done.text
    assert len(aws.ec2.actions) == 4
    assert done.seconds < 5


def test_is_throttled_for_ever_and_says_so_before_it_is_killed(aws, host):
    aws.ec2.troubles = [xml_error(503, "RequestLimitExceeded", "Request limit exceeded.")] * 100
    done = host.run()
    assert done.code == UNREACHABLE
    assert "given up after" in done.text and "RequestLimitExceeded" in done.text
    assert done.seconds < AGENTS_LIMIT
    assert len(aws.ec2.actions) < 12, "it waits longer each time"


def test_names_the_right_that_is_missing_and_asks_once(aws, host):
    aws.ec2.denied = {"AssignPrivateIpAddresses"}
    done = host.run()
    assert done.code == DENIED
    assert "may not call ec2:AssignPrivateIpAddresses" in done.text and "docs/handbook/addresses.md" in done.text
    assert len(aws.ec2.actions) == 1


def test_keys_that_expired_are_renewed(aws, host):
    aws.cloud.accepted = set()
    original = aws.metadata.read

    def give_newer_keys_the_second_time(path):
        given = original(path)
        if path.endswith("/gemel-database"):
            aws.cloud.keys.insert(0, {"id": "ASIA2", "secret": "other", "session": "session2", "life": 3600.0})
            aws.cloud.accepted = {"ASIA2"}
        return given

    aws.metadata.read = give_newer_keys_the_second_time
    done = host.run()
    assert done.code == 0, done.text


def test_keys_that_stay_expired_point_at_the_clock(aws, host):
    aws.cloud.accepted = set()
    done = host.run()
    assert done.code == DENIED
    assert "RequestExpired" in done.text and "clock" in done.text


def test_keys_that_the_instance_shows_as_expired_are_not_used(aws, host):
    aws.cloud.keys[0]["life"] = -60.0
    done = host.run()
    assert done.code == UNREACHABLE
    assert "have expired" in done.text
    assert aws.ec2.asked == []


def test_an_address_of_another_subnet_is_refused_without_a_call(aws, host):
    done = host.run(address="10.9.0.9")
    assert done.code == REFUSED
    assert "outside 10.0.0.0/24" in done.text and "route_tables" in done.text
    assert aws.ec2.asked == []


def test_version_1_of_the_metadata_service_is_never_used(aws, host):
    aws.metadata.version_2 = False
    done = host.run()
    assert done.code == DENIED
    assert "HTTP 405" in done.text and "--http-tokens required" in done.text
    assert {asked.method for asked in aws.metadata.asked} == {"PUT"}


def test_an_instance_without_a_role_is_told_so(aws, host):
    aws.metadata.role = ""
    done = host.run()
    assert done.code == DENIED
    assert "no IAM role" in done.text


def test_an_api_that_hangs_does_not_hang_the_program(aws, host):
    aws.ec2.hang = 60
    done = host.run()
    assert done.code == TIMED_OUT
    assert done.seconds < AGENTS_LIMIT
    assert "no answer in time" in done.text


def test_metadata_that_hang_do_not_hang_the_program(aws, host):
    aws.metadata.hang = 60
    done = host.run()
    assert done.code in (TIMED_OUT, UNREACHABLE)
    assert done.seconds < AGENTS_LIMIT
    assert "is this host an EC2 instance?" in done.text


def test_an_answer_of_a_proxy_is_no_success(aws, host):
    aws.ec2.troubles = [xml_error(403, "", "")]
    assert host.run().code == DENIED
    aws.ec2.troubles = [xml_error(404, "", "")]
    assert host.run(epoch=8).code == REFUSED


def test_an_elastic_ip_leads_to_the_address(aws, host):
    aws.configure('elastic_ip = "eipalloc-1"')
    assert host.run().code == 0
    assert aws.cloud.elastic["eipalloc-1"] == ("eni-me", "10.0.0.9")
    assert aws.ec2.changes() == ["AssignPrivateIpAddresses", "AssociateAddress"]
    assert host.run().code == 0
    assert aws.ec2.changes() == ["AssignPrivateIpAddresses", "AssociateAddress"], "nothing was to change"
    aws.cloud.elastic["eipalloc-1"] = ("eni-old", "10.0.0.22")
    assert host.run().code == 0
    assert aws.cloud.elastic["eipalloc-1"] == ("eni-me", "10.0.0.9")


def test_a_route_leads_to_an_address_outside_of_the_vpc(aws, host):
    aws.configure('route_tables = ["rtb-1", "rtb-2"]')
    assert host.run(address="192.0.2.9").code == 0
    assert aws.cloud.routes == {"rtb-1": {"192.0.2.9/32": "eni-me"}, "rtb-2": {"192.0.2.9/32": "eni-me"}}
    assert aws.ec2.changes() == ["ReplaceRoute", "ReplaceRoute", "CreateRoute"]
    assert host.run(address="192.0.2.9").code == 0
    assert len(aws.ec2.changes()) == 3, "nothing was to change"
    aws.cloud.routes["rtb-1"]["192.0.2.9/32"] = "eni-old"
    assert host.run(address="192.0.2.9").code == 0
    assert aws.cloud.routes["rtb-1"] == {"192.0.2.9/32": "eni-me"}


def test_a_check_changes_nothing_and_finds_what_is_missing(aws, host):
    assert host.run("check", epoch=0).code == 0
    assert aws.ec2.actions[-1]["DryRun"] == "true"
    assert aws.ec2.changes() == [] and aws.cloud.addresses["eni-me"] == ["10.0.0.21"]
    aws.ec2.denied = {"AssignPrivateIpAddresses"}
    assert "ec2:AssignPrivateIpAddresses" in host.run("check", epoch=0).text
    aws.configure('route_tables = ["rtb-1"]')
    guarded = host.run("check", address="192.0.2.9", epoch=0)
    assert guarded.code == REFUSED and "--no-source-dest-check" in guarded.text
    aws.cloud.source_check = False
    assert host.run("check", address="192.0.2.9", epoch=0).code == 0
    assert not host.notes.exists(), "a check leaves no note of an epoch"


def test_the_service_must_show_a_certificate_of_the_right_authority(host, certificate):
    site = Aws(host, certificate)
    try:
        site.configure()
        untrusted = host.run()
        assert untrusted.code == DENIED and "certificate" in untrusted.text
        assert site.ec2.asked == []
        site.configure(f'ca = "{certificate[0]}"')
        trusted = host.run()
        assert trusted.code == 0, trusted.text
        assert site.ec2.complaints == []
    finally:
        site.close()


def test_no_secret_is_printed_or_kept(aws, host):
    aws.ec2.denied = {"AssignPrivateIpAddresses"}
    text = host.run().text
    aws.ec2.denied = set()
    text += host.run().text
    kept = "".join(path.read_text() for path in host.notes.iterdir())
    for secret in ("very/secret+1", "session1=="):
        assert secret not in text + kept


def test_an_interface_that_is_not_the_instances_is_named(aws, host):
    done = host.run(interface="nosuch0")
    assert done.code == NOT_FOUND and "nosuch0" in done.text


@pytest.mark.parametrize("words", [{"verb": "drop"}, {"address": "db1"}, {"interface": "../lo"}])
def test_words_that_are_none_are_refused(aws, host, words):
    done = host.run(**words)
    assert done.code == 2 and done.text.startswith("gemel-address: ")


def test_a_host_with_another_provider_is_told_so(host):
    host.write("layer2", "")
    done = host.run()
    assert done.code == 2 and '"layer2"' in done.text
