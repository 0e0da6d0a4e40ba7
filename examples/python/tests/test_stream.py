"""Settings and points of a stream, without a broker."""

import tempfile
import unittest
from pathlib import Path

from move37_stream import BEGINNING, StreamError, client_settings, load_point, save_point


def settings(**security: str) -> dict[str, str]:
    return client_settings({f"MOVE37_KAFKA__SECURITY__{name}": value for name, value in security.items()})


class Settings(unittest.TestCase):
    def test_nothing_said_is_a_broker_on_this_machine_in_the_clear(self):
        self.assertEqual(client_settings({}), {"bootstrap.servers": "localhost:9092", "security.protocol": "plaintext"})

    def test_tls_and_a_user_are_read_from_the_variables_of_the_services(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "password")
            file.write_text("secret\n")
            found = settings(TLS="true", CA_FILE="/ca.pem", USERNAME="ada", PASSWORD_FILE=str(file))
        self.assertEqual(
            found,
            {
                "bootstrap.servers": "localhost:9092",
                "security.protocol": "sasl_ssl",
                "ssl.ca.location": "/ca.pem",
                "sasl.mechanisms": "SCRAM-SHA-512",
                "sasl.username": "ada",
                "sasl.password": "secret",
            },
        )

    def test_a_certificate_is_enough_where_brokers_ask_for_one(self):
        found = settings(TLS="1", CERTIFICATE_FILE="/c.pem", KEY_FILE="/k.pem")
        self.assertEqual(
            (found["security.protocol"], found["ssl.certificate.location"], found["ssl.key.location"]),
            ("ssl", "/c.pem", "/k.pem"),
        )

    def test_a_user_needs_a_password(self):
        with self.assertRaisesRegex(StreamError, "PASSWORD_FILE"):
            settings(USERNAME="ada")


class Points(unittest.TestCase):
    def test_a_point_is_stored_whole_and_none_is_the_beginning(self):
        point = [{"id": "campaign-1/operator/1", "hash": "0" * 64}]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "point.json")
            self.assertEqual(load_point(path), BEGINNING)
            save_point(path, point)
            self.assertEqual(load_point(path), point)
            self.assertEqual([file.name for file in Path(folder).iterdir()], ["point.json"])


if __name__ == "__main__":
    unittest.main()
