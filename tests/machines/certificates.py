"""An operator's own authority and what it signs, whatever may be wrong with that: by openssl, in a folder."""
import subprocess
import time
from pathlib import Path

SETTINGS = """[ca]
default_ca = own
[own]
new_certs_dir = {folder}
database = {folder}/index
serial = {folder}/serial
default_md = sha256
unique_subject = no
policy = any
copy_extensions = copy
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
"""
P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
DAY = 24 * 3600


def openssl(*words: str) -> str:
    return subprocess.run(["openssl", *words], check=True, capture_output=True, text=True).stdout


def moment(days: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * DAY))


class Authority:
    """A root and an authority below it, which signs."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self.folder = folder
        (folder / "index").write_text("")
        (folder / "serial").write_text("1000\n")
        (folder / "settings").write_text(SETTINGS.format(folder=folder))
        openssl("req", "-x509", "-newkey", *P256, "-nodes", "-days", "400", "-subj", "/CN=Own root", "-keyout",
                str(folder / "root.key"), "-out", str(folder / "root.crt"))
        self.sign("middle", "root", "/CN=Own authority", "authority", (-1, 300))

    @property
    def root(self) -> Path:
        return self.folder / "root.crt"

    @property
    def middle(self) -> Path:
        return self.folder / "middle.crt"

    def sign(self, name: str, by: str, subject: str, extensions: str, valid: tuple, key: tuple = P256, names: str = "") -> None:
        file = self.folder / name
        asked = ["-addext", f"subjectAltName={names}"] if names else []
        openssl("req", "-new", "-newkey", *key, "-nodes", "-subj", subject, *asked, "-keyout", f"{file}.key", "-out",
                f"{file}.csr")
        openssl("ca", "-batch", "-notext", "-config", str(self.folder / "settings"), "-extensions", extensions, "-cert",
                str(self.folder / f"{by}.crt"), "-keyfile", str(self.folder / f"{by}.key"), "-in", f"{file}.csr", "-out",
                f"{file}.crt", "-startdate", moment(valid[0]), "-enddate", moment(valid[1]))

    def issue(self, name: str, names: str, valid: tuple = (-1, 90), key: tuple = P256) -> tuple[Path, Path]:
        """The files of the chain (without its root) and of the key; `names` as "DNS:a,IP:b", `valid` in days from now."""
        self.sign(name, "middle", f"/CN={name}", "server", valid, key, names)
        chain = self.folder / f"{name}.pem"
        chain.write_text((self.folder / f"{name}.crt").read_text() + self.middle.read_text())
        (self.folder / f"{name}.key").chmod(0o600)
        return chain, self.folder / f"{name}.key"


def section(certificate: Path | str, key: Path | str, authority: Path | str = "") -> str:
    """What a site file says of them."""
    last = f'authority = "{authority}"\n' if authority else ""
    return f'\n[certificates]\ncertificate = "{certificate}"\nkey = "{key}"\n{last}'
