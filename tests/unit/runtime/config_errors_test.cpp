// What a person is told of each mistake, word for word.

#include "runtime/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::runtime {
namespace {

using testing::ElementsAreArray;
using testing::EndsWith;
using testing::StartsWith;

constexpr std::string_view port_section = R"([[port]]
name = "net0"
device = "net_tap0"
addresses = ["198.18.0.2/24", "2001:db8::2/64"]
)";

std::vector<std::string> messages(const std::string& text) {
    std::vector<std::string> all;
    for (const ConfigError& error : parse_config(text, "m.toml").errors) {
        all.push_back(error.to_string());
    }
    return all;
}

struct Mistake {
    const char* name;
    /// Lines 5 and on, after a port that is right.
    const char* text;
    std::vector<std::string> messages;
};

class ConfigMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ConfigMistake, IsNamedWithItsRemedy) {
    EXPECT_THAT(messages(std::string{port_section} + GetParam().text),
                ElementsAreArray(GetParam().messages));
}

const Mistake mistakes[] = {
    {"UnknownKeyNearAnother",
     "[tcp]\ndelayed_ack = 40\n",
     {"m.toml:6: tcp.delayed_ack: unknown key; did you mean \"delayed_ack_ms\"?"}},
    {"UnknownKeyWithLettersSwapped",
     "[workers]\ncuont = 1\n",
     {"m.toml:6: workers.cuont: unknown key; did you mean \"count\"?"}},
    {"KeyOfAnotherSection",
     "[tcp]\nduration_s = 5\n",
     {"m.toml:6: tcp.duration_s: unknown key; it belongs in [tcp.time_wait] or "
      "[listen.time_wait]"}},
    {"UnknownKeyNearNothing",
     "[log]\nverbosity_of_all_messages = 3\n",
     {"m.toml:6: log.verbosity_of_all_messages: unknown key; known here: level"}},
    {"UnknownSection",
     "[managment]\nsocket = \"/tmp/s\"\n",
     {"m.toml:5: managment: unknown section; did you mean \"management\"?"}},
    {"UnknownSectionWithin",
     "[tcp.timewait]\nduration_s = 5\n",
     {"m.toml:5: tcp.timewait: unknown key; did you mean \"time_wait\"?"}},
    {"KeyOutsideItsSection",
     "[eal]\n[workers]\n[[listen]]\nservice = \"echo\"\nport = 7\n"
     "mtu = 1500\n",
     {"m.toml:10: listen[0].mtu: unknown key; it belongs in [[port]]"}},
    {"StringForInteger",
     "[tcp]\ndelayed_ack_ms = \"40\"\n",
     {"m.toml:6: tcp.delayed_ack_ms: is a string, not an integer; write an integer from 0 to 200 "
      "(ms)"}},
    {"FractionForInteger",
     "[tcp]\ndelayed_ack_ms = 40.5\n",
     {"m.toml:6: tcp.delayed_ack_ms: is a number with a fraction, not an integer; write an integer "
      "from 0 to 200 (ms)"}},
    {"IntegerForString",
     "[management]\nsocket = 7\n",
     {"m.toml:6: management.socket: is an integer, not a string; write a string in quotes"}},
    {"StringForBoolean",
     "[[listen]]\nservice = \"echo\"\nport = 7\nno_delay = \"yes\"\n",
     {"m.toml:8: listen[0].no_delay: is a string, not a boolean; write true or false, without "
      "quotes"}},
    {"StringForList",
     "[[listen]]\nservice = \"echo\"\nport = 7\naddresses = \"198.18.0.2\"\n",
     {"m.toml:8: listen[0].addresses: is a string, not a list; write a list of addresses in [ ]"}},
    {"IntegerInListOfStrings",
     "[eal]\narguments = [\"-n\", 4]\n",
     {"m.toml:6: eal.arguments[1]: is an integer, not a string; write a string in quotes"}},
    {"StringInListOfIntegers",
     "[workers]\ncores = [\"0\"]\n",
     {"m.toml:6: workers.cores[0]: is a string, not an integer; write an integer from 0 to 1023"}},
    {"ValueForSection",
     "log = \"debug\"\n",
     {"m.toml:5: port[0].log: unknown key; known here: name, device, mac, mtu, ttl, dscp, "
      "addresses, gateways, queues"}},
    {"OneBracketForListen",
     "[listen]\nservice = \"echo\"\nport = 7\n",
     {"m.toml:5: listen: there may be several of these; write [[listen]] with two brackets, its "
      "keys below"}},
    {"TwoBracketsForTcp",
     "[[tcp]]\ndelayed_ack_ms = 5\n",
     {"m.toml:5: tcp: is not a section; write [tcp] on a line of its own, its keys below"}},
    {"OutOfRange",
     "[tcp]\ninitial_window_segments = 0\nretries = 1000\n",
     {"m.toml:6: tcp.initial_window_segments: 0 is out of range; write an integer from 1 to 64 "
      "(segments)",
      "m.toml:7: tcp.retries: 1000 is out of range; write an integer from 1 to 100"}},
    {"WrongChoice",
     "[workers]\nidle = \"pol\"\n[log]\nlevel = \"chatty\"\n",
     {"m.toml:6: workers.idle: \"pol\" is not known; did you mean \"poll\"? It is \"adaptive\" or "
      "\"poll\"",
      "m.toml:8: log.level: \"chatty\" is not known; write \"error\", \"warn\", \"info\" or "
      "\"debug\""}},
    {"UnknownService",
     "[[listen]]\nservice = \"htpp\"\nport = 80\nroot = \".\"\n",
     {"m.toml:6: listen[0].service: \"htpp\" is not known; did you mean \"http\"? It is \"http\", "
      "\"echo\", \"discard\" or \"source\""}},
    {"MissingServiceAndPort",
     "[[listen]]\n",
     {"m.toml:5: listen[0].service: is missing; add service = … (string)",
      "m.toml:5: listen[0].port: is missing; add port = … (integer)"}},
    {"MissingRoot",
     "[[listen]]\nservice = \"http\"\nport = 80\n",
     {"m.toml:5: listen[0].root: is missing, and the service \"http\" needs it; add root = … "
      "(string)"}},
    {"RootThatIsAbsent",
     "[[listen]]\nservice = \"http\"\nport = 80\nroot = \"/absent/www\"\n",
     {"m.toml:8: listen[0].root: \"/absent/www\" does not exist; make it, or name a folder that "
      "holds the files to serve"}},
    {"KeyOfAnotherService",
     "[[listen]]\nservice = \"echo\"\nport = 7\nroot = \".\"\nbytes = 1\n",
     {"m.toml:8: listen[0].root: means nothing to the service \"echo\"; remove it; it belongs to "
      "\"http\"",
      "m.toml:9: listen[0].bytes: means nothing to the service \"echo\"; remove it; it belongs to "
      "\"source\""}},
    {"ServiceWithoutUdp",
     "[[listen]]\nservice = \"source\"\nprotocol = \"udp\"\nport = 19\n",
     {"m.toml:7: listen[0].protocol: the service \"source\" does not speak udp; write \"tcp\", or "
      "take the service \"echo\" or \"discard\""}},
    {"EchoPathWithoutSlash",
     "[[listen]]\nservice = \"http\"\nport = 80\nroot = \".\"\necho_path = \"echo\"\n",
     {"m.toml:9: listen[0].echo_path: \"echo\" does not begin with a slash; write \"/echo\""}},
    {"QueuePolicyThatIsNotThereYet",
     "[[listen]]\nservice = \"echo\"\nport = 7\nsyn_queue_when_full = \"cookies\"\n"
     "accept_queue_when_full = \"rest\"\n[tcp.time_wait]\nwhen_full = \"newest\"\n",
     {"m.toml:8: listen[0].syn_queue_when_full: \"cookies\" is not known; write \"drop\" or "
      "\"reset\"",
      "m.toml:9: listen[0].accept_queue_when_full: \"rest\" is not known; did you mean \"reset\"? "
      "It is \"drop\" or \"reset\"",
      "m.toml:11: tcp.time_wait.when_full: \"newest\" is not known; write \"oldest\" or "
      "\"refuse\""}},
    {"TwoWildcardListeners",
     "[[listen]]\nservice = \"echo\"\nport = 7\n[[listen]]\nservice = \"discard\"\nport = 7\n",
     {"m.toml:10: listen[1].port: tcp port 7 on every address is already taken by listen[0] (line "
      "5); choose another port, or give the two listeners different addresses"}},
    {"WildcardOverAddress",
     "[[listen]]\nservice = \"echo\"\nport = 7\naddresses = [\"2001:db8::2\"]\n"
     "[[listen]]\nservice = \"discard\"\nport = 7\n",
     {"m.toml:11: listen[1].port: tcp port 7 on 2001:db8::2 is already taken by listen[0] (line "
      "5); choose another port, or give the two listeners different addresses"}},
    {"SameAddressTwiceWrittenDifferently",
     "[[listen]]\nservice = \"echo\"\nport = 7\naddresses = [\"2001:db8::2\"]\n"
     "[[listen]]\nservice = \"discard\"\nport = 7\naddresses = [\"198.18.0.2\", "
     "\"2001:0db8:0::2\"]\n",
     {"m.toml:11: listen[1].port: tcp port 7 on 2001:db8::2 is already taken by listen[0] (line "
      "5); choose another port, or give the two listeners different addresses"}},
    {"OtherProtocolOrAddressIsNoOverlap",
     "[[listen]]\nservice = \"echo\"\nport = 7\n"
     "[[listen]]\nservice = \"echo\"\nport = 7\nprotocol = \"udp\"\n"
     "[[listen]]\nservice = \"echo\"\nport = 8\naddresses = [\"198.18.0.2\"]\n"
     "[[listen]]\nservice = \"echo\"\nport = 8\naddresses = [\"2001:db8::2\"]\n",
     {}},
    {"ListenAddressOfNoPort",
     "[[listen]]\nservice = \"echo\"\nport = 7\naddresses = [\"198.18.0.3\"]\n",
     {"m.toml:8: listen[0].addresses[0]: no port has the address 198.18.0.3; write one of "
      "198.18.0.2, 2001:db8::2, or add it to a [[port]]"}},
    {"ListenAddressWithPrefix",
     "[[listen]]\nservice = \"echo\"\nport = 7\naddresses = [\"198.18.0.2/24\"]\n",
     {"m.toml:8: listen[0].addresses[0]: \"198.18.0.2/24\" has a prefix length, which has no "
      "meaning here; write \"198.18.0.2\""}},
    {"NinthTimeWaitDuration",
     "[[listen]]\nservice = \"echo\"\nport = 1\n[listen.time_wait]\nduration_s = 1\n"
     "[[listen]]\nservice = \"echo\"\nport = 2\n[listen.time_wait]\nduration_s = 2\n"
     "[[listen]]\nservice = \"echo\"\nport = 3\n[listen.time_wait]\nduration_s = 3\n"
     "[[listen]]\nservice = \"echo\"\nport = 4\n[listen.time_wait]\nduration_s = 4\n"
     "[[listen]]\nservice = \"echo\"\nport = 5\n[listen.time_wait]\nduration_s = 5\n"
     "[[listen]]\nservice = \"echo\"\nport = 6\n[listen.time_wait]\nduration_s = 6\n"
     "[[listen]]\nservice = \"echo\"\nport = 7\n[listen.time_wait]\nduration_s = 7\n"
     "[[listen]]\nservice = \"echo\"\nport = 8\n[listen.time_wait]\nduration_s = 8\n",
     {"m.toml:44: listen[7].time_wait.duration_s: is one more than the 8 different durations that "
      "are kept; use one of the others"}},
    {"TimeoutsCrossed",
     "[tcp]\nretransmission_timeout_min_ms = 2000\nretransmission_timeout_max_ms = 1000\n",
     {"m.toml:6: tcp.retransmission_timeout_min_ms: is more than retransmission_timeout_max_ms; "
      "write no more than that"}},
    {"TimeoutsCrossedForAListener",
     "[tcp]\nretransmission_timeout_min_ms = 2000\n"
     "[[listen]]\nservice = \"echo\"\nport = 7\n"
     "[listen.tcp]\nretransmission_timeout_max_ms = 1000\n",
     {"m.toml:10: listen[0].tcp.retransmission_timeout_min_ms: is more than "
      "retransmission_timeout_max_ms; write no more than that"}},
    {"EphemeralPortsCrossed",
     "[tcp]\nephemeral_port_first = 50000\nephemeral_port_last = 49999\n",
     {"m.toml:6: tcp.ephemeral_port_first: is more than ephemeral_port_last; write no more than "
      "that"}},
    {"PoolSizeForAListener",
     "[[listen]]\nservice = \"echo\"\nport = 7\n[listen.tcp]\nconnections_max = 10\n",
     {"m.toml:9: listen[0].tcp.connections_max: unknown key; it belongs in [tcp] or [[listen]]"}},
    {"EngineOfAListenerOutOfRange",
     "[[listen]]\nservice = \"echo\"\nport = 7\n[listen.tcp]\nretries = 0\n",
     {"m.toml:9: listen[0].tcp.retries: 0 is out of range; write an integer from 1 to 100"}},
    {"CoresForOtherNumberOfWorkers",
     "[workers]\ncount = 2\ncores = [0, 1, 2]\n",
     {"m.toml:7: workers.cores: names 3 cores for 2 workers; name one core for each worker, or "
      "none"}},
    {"CoreTwice",
     "[workers]\ncount = 2\ncores = [1, 1]\n",
     {"m.toml:7: workers.cores[1]: core 1 has a worker already; give each worker a core of its "
      "own"}},
    {"SocketPathTooLong",
     "[management]\nsocket = "
     "\"/"
     "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "123456789012345678\"\n",
     {"m.toml:6: management.socket: has 109 bytes, more than the path of a socket may have; choose "
      "a path of at most 107 bytes"}},
    {"EverythingIsReportedAtOnce",
     "mtu = \"big\"\n[tcp]\ndelayed_ack_ms = 900\n[[listen]]\nservice = \"ecko\"\nport = 70000\n",
     {"m.toml:5: port[0].mtu: is a string, not an integer; write an integer from 576 to 9600 "
      "(bytes)",
      "m.toml:7: tcp.delayed_ack_ms: 900 is out of range; write an integer from 0 to 200 (ms)",
      "m.toml:9: listen[0].service: \"ecko\" is not known; did you mean \"echo\"? It is \"http\", "
      "\"echo\", \"discard\" or \"source\"",
      "m.toml:10: listen[0].port: 70000 is out of range; write an integer from 1 to 65535"}},
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
    *out << mistake.text;
}

std::string mistake_name(const testing::TestParamInfo<Mistake>& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(All, ConfigMistake, testing::ValuesIn(mistakes), mistake_name);

/// Mistakes in whole files, line 1 first.
class ConfigPortMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ConfigPortMistake, IsNamedWithItsRemedy) {
    EXPECT_THAT(messages(GetParam().text), ElementsAreArray(GetParam().messages));
}

const Mistake port_mistakes[] = {
    {"None",
     "",
     {"m.toml: port: there is no port; add a [[port]] with its name, device and addresses"}},
    {"Empty",
     "[[port]]\n",
     {"m.toml:1: port[0].name: is missing; add name = … (string)",
      "m.toml:1: port[0].device: is missing; add device = … (string)",
      "m.toml:1: port[0].addresses: is missing; add addresses = … (list of addresses with prefix "
      "length)"}},
    {"EmptyValues",
     "[[port]]\nname = \"\"\ndevice = \"\"\naddresses = []\n",
     {"m.toml:2: port[0].name: is empty; give each port a name of its own",
      "m.toml:3: port[0].device: is empty; give each port a device of its own",
      "m.toml:4: port[0].addresses: is empty; write at least one, as [\"198.18.0.2/24\"]"}},
    {"Twins",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\naddresses = [\"198.18.0.2/24\"]\n"
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\naddresses = [\"198.18.0.2/25\"]\n",
     {"m.toml:6: port[1].name: \"a\" is already that of port[0] (line 2); give each port a name of "
      "its own",
      "m.toml:7: port[1].device: \"net_tap0\" is already that of port[0] (line 3); give each port "
      "a device of its own",
      "m.toml:8: port[1].addresses: 198.18.0.2 stands in port[0].addresses already (line 4); give "
      "each address to one port, once"}},
    {"AddressesThatAHostCannotHave",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\naddresses = [\n\"198.18.0.2\",\n"
     "\"2001:db8::2\",\n\"198.18.0.2/33\",\n\"198.18.0/24\",\n\"198.18.0.0/24\",\n"
     "\"198.18.0.255/24\",\n\"224.0.0.1/24\",\n\"127.0.0.1/8\",\n\"::1/128\",\n\"::/64\",\n"
     "\"198.18.0.2/0\",\n]\n",
     {"m.toml:5: port[0].addresses[0]: \"198.18.0.2\" has no prefix length; write it with one, as "
      "\"198.18.0.2/24\"",
      "m.toml:6: port[0].addresses[1]: \"2001:db8::2\" has no prefix length; write it with one, as "
      "\"2001:db8::2/64\"",
      "m.toml:7: port[0].addresses[2]: \"198.18.0.2/33\" has a wrong prefix length; write one from "
      "1 to 32, as \"198.18.0.2/24\"",
      "m.toml:8: port[0].addresses[3]: \"198.18.0/24\" is not an address; write one with its "
      "prefix length, as \"198.18.0.2/24\" or \"2001:db8::2/64\"",
      "m.toml:9: port[0].addresses[4]: \"198.18.0.0/24\" is the address of the network itself; "
      "write a host's address, as \"198.18.0.2/24\" or \"2001:db8::2/64\"",
      "m.toml:10: port[0].addresses[5]: \"198.18.0.255/24\" is the broadcast address of its "
      "network; write a host's address, as \"198.18.0.2/24\" or \"2001:db8::2/64\"",
      "m.toml:11: port[0].addresses[6]: \"224.0.0.1/24\" is a multicast address; write a host's "
      "address, as \"198.18.0.2/24\" or \"2001:db8::2/64\"",
      "m.toml:12: port[0].addresses[7]: \"127.0.0.1/8\" is a loopback address; write a host's "
      "address, as \"198.18.0.2/24\" or \"2001:db8::2/64\"",
      "m.toml:13: port[0].addresses[8]: \"::1/128\" is a loopback address; write a host's address, "
      "as \"198.18.0.2/24\" or \"2001:db8::2/64\"",
      "m.toml:14: port[0].addresses[9]: \"::/64\" is the unspecified address; write a host's "
      "address, as \"198.18.0.2/24\" or \"2001:db8::2/64\"",
      "m.toml:15: port[0].addresses[10]: \"198.18.0.2/0\" has a prefix length of 0; write a host's "
      "address, as \"198.18.0.2/24\" or \"2001:db8::2/64\""}},
    {"RangesThatAreNone",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\naddresses = [\n"
     "\"198.18.1.9-198.18.1.1/16\",\n\"198.18.1.0-2001:db8::1/16\",\n"
     "\"198.18.1.0-198.18.2.5/24\",\n\"198.18.0.1-198.18.16.1/16\",\n"
     "\"198.18.1.0-198.18.1.9\",\n\"198.18.1.0-198.18.1.9/33\",\n\"198.18.1.0-9/16\",\n"
     "\"198.18.1.250-198.18.1.255/24\",\n\"2001:db8::-2001:db8:ffff::/32\",\n]\n",
     {"m.toml:5: port[0].addresses[0]: \"198.18.1.9-198.18.1.1/16\" ends before it begins; write "
      "\"198.18.1.1-198.18.1.9/16\"",
      "m.toml:6: port[0].addresses[1]: \"198.18.1.0-2001:db8::1/16\" has ends of two families; "
      "write two IPv4 or two IPv6 addresses",
      "m.toml:7: port[0].addresses[2]: \"198.18.1.0-198.18.2.5/24\" goes beyond the network of its "
      "first address; end it at 198.18.1.255 at the latest, or write a shorter prefix length",
      "m.toml:8: port[0].addresses[3]: \"198.18.0.1-198.18.16.1/16\" has more than 4096 addresses; "
      "write a shorter range",
      "m.toml:9: port[0].addresses[4]: \"198.18.1.0-198.18.1.9\" has no prefix length; write it "
      "with one, as \"198.18.1.0-198.18.1.9/24\"",
      "m.toml:10: port[0].addresses[5]: \"198.18.1.0-198.18.1.9/33\" has a wrong prefix length; "
      "write one from 1 to 32, as \"198.18.1.0-198.18.1.9/24\"",
      "m.toml:11: port[0].addresses[6]: \"198.18.1.0-9/16\" is not a range of addresses; write "
      "both its ends, as \"198.18.1.0-198.18.1.255/16\"",
      "m.toml:12: port[0].addresses[7]: \"198.18.1.250-198.18.1.255/24\": 198.18.1.255 is the "
      "broadcast address of its network; write a host's address, as \"198.18.0.2/24\" or "
      "\"2001:db8::2/64\"",
      "m.toml:13: port[0].addresses[8]: \"2001:db8::-2001:db8:ffff::/32\" has more than 4096 "
      "addresses; write a shorter range"}},
    {"MoreAddressesThanAPortMayHave",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\n"
     "addresses = [\"198.18.16.0-198.18.31.255/16\", \"2001:db8::1/64\"]\n",
     {"m.toml:4: port[0].addresses: has 4097 addresses, more than the 4096 that a port may have; "
      "write fewer"}},
    {"RangesThatOverlap",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\n"
     "addresses = [\"198.18.1.0-198.18.1.99/16\", \"198.18.1.90-198.18.1.200/16\"]\n",
     {"m.toml:4: port[0].addresses: 198.18.1.90 stands in port[0].addresses already (line 4); give "
      "each address to one port, once"}},
    {"AListenersAddressThatNoneOfManyIs",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\n"
     "addresses = [\"198.18.1.0-198.18.1.99/16\"]\n"
     "[[listen]]\nservice = \"echo\"\nport = 7\naddresses = [\"198.18.1.100\"]\n",
     {"m.toml:8: listen[0].addresses[0]: no port has the address 198.18.1.100; write one of "
      "198.18.1.0, 198.18.1.1, 198.18.1.2, 198.18.1.3, 198.18.1.4, 198.18.1.5, 198.18.1.6, "
      "198.18.1.7, …, or add it to a [[port]]"}},
    {"Mac",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\naddresses = [\"198.18.0.2/24\"]\n"
     "mac = \"2:0:0:0:0:1\"\n"
     "[[port]]\nname = \"b\"\ndevice = \"net_tap1\"\naddresses = [\"198.18.1.2/24\"]\n"
     "mac = \"01:00:5e:00:00:01\"\n",
     {"m.toml:5: port[0].mac: \"2:0:0:0:0:1\" is not a MAC address; write six pairs of hex digits, "
      "as \"02:00:00:00:00:01\"",
      "m.toml:10: port[1].mac: \"01:00:5e:00:00:01\" cannot be a port's address; write a unicast "
      "address, as \"02:00:00:00:00:01\""}},
    {"Gateways",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\naddresses = [\"198.18.0.2/24\"]\n"
     "gateways = [\n\"198.18.1.1\",\n\"198.18.0.2\",\n\"fe80::1\",\n]\n"
     "[[port]]\nname = \"b\"\ndevice = \"net_tap1\"\naddresses = [\"198.18.1.2/24\"]\n"
     "gateways = [\"198.18.1.1/24\"]\n",
     {"m.toml:6: port[0].gateways[0]: 198.18.1.1 is on none of the port's networks; name a gateway "
      "that one of the port's addresses reaches",
      "m.toml:7: port[0].gateways[1]: 198.18.0.2 is the second gateway of its family; name one "
      "IPv4 and one IPv6 gateway at most",
      "m.toml:7: port[0].gateways[1]: 198.18.0.2 is the port's own address; name the router's "
      "address",
      "m.toml:14: port[1].gateways[0]: \"198.18.1.1/24\" has a prefix length, which has no meaning "
      "here; write \"198.18.1.1\""}},
    {"NameOfTwoWords",
     "[[port]]\nname = \"net 0\"\ndevice = \"net_tap0\"\naddresses = [\"198.18.0.2/24\"]\n",
     {"m.toml:2: port[0].name: \"net 0\" is not a name; write one word of at most 31 letters, "
      "digits, \"_\", \".\" and \"-\""}},
    {"MtuTooSmallForIpv6",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\nmtu = 1000\n"
     "addresses = [\"2001:db8::2/64\"]\n",
     {"m.toml:4: port[0].mtu: 1000 is too small for IPv6; write 1280 or more, or remove the IPv6 "
      "addresses"}},
    {"MoreQueuesThanWorkers",
     "[[port]]\nname = \"a\"\ndevice = \"net_tap0\"\nqueues = 2\naddresses = "
     "[\"198.18.0.2/24\"]\n",
     {"m.toml:4: port[0].queues: 2 queues for 1 workers; write no more queues than there are "
      "workers"}},
};

INSTANTIATE_TEST_SUITE_P(All, ConfigPortMistake, testing::ValuesIn(port_mistakes), mistake_name);

/// The library words what is wrong with the syntax, so only the rest is ours to pin.
TEST(ConfigSyntax, NamesLineAndKey) {
    const auto only = [](const std::string& text) { return messages(text).at(0); };
    EXPECT_THAT(only("[tcp]\n  retries = = 3\n"), StartsWith("m.toml:2: retries: "));
    EXPECT_THAT(only("[tcp]\nretries = 3\nretries = 4\n"), StartsWith("m.toml:3: retries: "));
    EXPECT_THAT(only("[tcp\n"), StartsWith("m.toml:1: "));
    EXPECT_THAT(only("[tcp]\nretries = \n"),
                EndsWith("; write TOML: key = value, strings in double quotes, lists in [ ]"));
}

} // namespace
} // namespace millrace::runtime
