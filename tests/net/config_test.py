"""F4: what is wrong with a configuration is said with file, line, key and remedy, exit code 2."""

import os
import tempfile

from harness import commands, daemons, links, workplace
from harness.cases import Case
from harness.namespaces import Namespace

_NOBODY = 65534


class Errors(Case):
    def setUp(self):
        self.namespace = self.enterContext(Namespace("config"))
        self.root = self.site()

    def configuration(self, device="net_null0", management=None):
        """The text of a good configuration."""
        link = links.Tap()
        link.device = device
        return daemons.configuration(link, [daemons.http(self.root), daemons.echo()],
                                     management=management)

    def refused(self, text, line_with, message, check_option=True, as_user=None):
        """Starts the daemon with `text`: exit code 2, and `message` (key, what is wrong, remedy)
        behind the file and the line in which `line_with` stands."""
        path = workplace.file("wrong.toml")
        path.write_text(text)
        os.chmod(workplace.directory(), 0o755)
        line = 1 + next(n for n, content in enumerate(text.splitlines()) if line_with in content)
        for options in ([], ["--check"]) if check_option else ([],):
            before = self._interfaces()
            command = [workplace.program("millraced"), "--config", path, *options]
            if as_user:
                command = ["setpriv", f"--reuid={as_user}", f"--regid={as_user}",
                           "--clear-groups", *command]
            code, output, left_behind = self._run(command)
            with self.subTest(options=options, output=output):
                self.assertEqual(code, 2)
                self.assertIn(f"{path}:{line}: {message}", output)
                self.assertEqual(self._interfaces(), before)
                self.assertEqual(left_behind, [])
                self.assertFalse(os.path.exists(daemons.socket_of(text)), "the management socket")

    def _run(self, command):
        """Exit code, output and what DPDK left; `ip netns exec` becomes the program it starts."""
        log = workplace.file("wrong.log")
        process = commands.start(self.namespace.command(command), log)
        try:
            code = process.wait(timeout=30)
            return code, log.read_text(errors="replace"), commands.eal_leftovers(process)
        finally:
            commands.kill(process)

    def _interfaces(self):
        return self.namespace.run(["ip", "-o", "link"]).stdout

    # F3.check
    def test_the_good_one_is_accepted_by_check(self):
        path = workplace.file("right.toml")
        path.write_text(self.configuration())
        self.namespace.run([workplace.program("millraced"), "--config", path, "--check"])

    def test_unknown_key(self):
        text = self.configuration().replace("[tcp]\n", "[tcp]\nconections_max = 5\n")
        self.refused(text, "conections_max",
                     'tcp.conections_max: unknown key; did you mean "connections_max"?')

    def test_unknown_section(self):
        text = self.configuration() + "\n[loging]\nlevel = \"info\"\n"
        self.refused(text, "[loging]", "loging: unknown section; known here: eal, workers, port, tcp, "
                                       "listen, management, log")

    def test_wrong_type(self):
        text = self.configuration().replace("[workers]\n", "[workers]\ncount = \"two\"\n")
        self.refused(text, "count =", "workers.count: is a string, not an integer; write an integer "
                                      "from 1 to 128")

    def test_value_out_of_range(self):
        text = self.configuration().replace("port = 80\n", "port = 80000\n")
        self.refused(text, "port = 80000",
                     "listen[0].port: 80000 is out of range; write an integer from 1 to 65535")

    def test_not_toml(self):
        text = self.configuration().replace("[workers]\n", "[workers\n")
        self.refused(text, "[workers", "Error while parsing table header: expected ']', saw '\\n'; "
                                       "write TOML: key = value, ")

    def test_overlapping_listeners(self):
        text = self.configuration().replace("port = 7\n", "port = 80\n")
        last = max(n for n, line in enumerate(text.splitlines()) if line == "port = 80")
        lines = text.splitlines()
        lines[last] = "port = 80 # the second"
        self.refused("\n".join(lines) + "\n", "# the second",
                     "listen[1].port: tcp port 80 on every address is already taken by listen[0] "
                     "(line 17); choose another port, or give the two listeners different addresses")

    def test_missing_document_root(self):
        text = self.configuration().replace(str(self.root), "/nonexistent/site")
        self.refused(text, "/nonexistent/site",
                     'listen[0].root: "/nonexistent/site" does not exist; make it, or name a folder '
                     "that holds the files to serve")

    def test_address_without_prefix(self):
        text = self.configuration().replace("198.18.0.2/24", "198.18.0.2")
        self.refused(text, '"198.18.0.2"',
                     'port[0].addresses[0]: "198.18.0.2" has no prefix length; write it with one, as '
                     '"198.18.0.2/24"')

    def test_port_device_that_does_not_exist(self):
        text = self.configuration(device="net_af_packet0,iface=nosuch0")
        self.refused(text, "nosuch0",
                     "port[0].device: cannot open AF_PACKET on 'nosuch0': no network interface of that "
                     "name in this network namespace – see 'ip link'; ", check_option=False)

    def test_driver_that_does_not_exist(self):
        text = self.configuration(device="net_nosuch0")
        self.refused(text, "net_nosuch0",
                     "port[0].device: no such device: 'net_nosuch0' – no driver of that name; known "
                     "drivers: net_af_packet, ", check_option=False)

    def test_pci_address_that_does_not_exist(self):
        text = self.configuration(device="0000:7f:1f.7")
        self.refused(text, "0000:7f:1f.7",
                     "port[0].device: no such device: PCI '0000:7f:1f.7' – 'dpdk-devbind.py --status' "
                     "lists what there is; ", check_option=False)

    def test_no_permission_to_make_the_port(self):
        with tempfile.TemporaryDirectory() as directory:
            os.chown(directory, _NOBODY, _NOBODY)
            text = self.configuration(device="net_tap0,iface=mrtap0",
                                      management={"socket": f"{directory}/daemon.sock"})
            self.refused(text, "net_tap0",
                         "port[0].device: cannot open 'net_tap0,iface=mrtap0': Unable to create TAP "
                         "interface: Operation not permitted – run as root or with CAP_NET_ADMIN; ",
                         check_option=False, as_user=_NOBODY)

    def test_no_permission_to_open_the_management_socket(self):
        text = self.configuration()
        self.refused(text, "daemon.sock",
                     f'management.socket: "{daemons.socket_of(text)}" cannot be opened: Permission '
                     "denied; run as root, or choose a path that this user may write, as "
                     '"/tmp/millraced.sock"', check_option=False, as_user=_NOBODY)

    def test_configuration_file_that_is_not_there(self):
        done = self.namespace.run([workplace.program("millraced"), "--config", "/nonexistent.toml"],
                                  check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nonexistent.toml", done.stdout + done.stderr)
