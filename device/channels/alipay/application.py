"""Who we are to Alipay."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

from device.channels.alipay.certificates import Certificates
from device.channels.alipay.signing import refuse_own_key


@dataclass(frozen=True, slots=True)
class Application:
    """The application, its key, Alipay's key and this box's mark."""

    app_id: str
    private_key: rsa.RSAPrivateKey = field(repr=False)
    alipay_key: rsa.RSAPublicKey = field(repr=False)
    box_id: str
    """Sent as `terminal_id` with every pay (payment-states §1.9)."""
    desk_code: str
    certificates: Certificates | None = None
    """Set in certificate mode; its key is then `alipay_key`."""

    def __post_init__(self) -> None:
        """Refuse the application's own key in Alipay's place (ConfigError)."""
        refuse_own_key(self.alipay_key, self.private_key, "[channels.alipay] Alipay's key")

    def serial_params(self) -> dict[str, str]:
        """Return what certificate mode adds to every request."""
        if self.certificates is None:
            return {}
        return {
            "app_cert_sn": self.certificates.app_cert_sn,
            "alipay_root_cert_sn": self.certificates.root_cert_sn,
        }
