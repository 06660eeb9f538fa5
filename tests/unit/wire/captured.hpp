#pragma once

#include "support.hpp"

#include <cstddef>
#include <vector>

/// Frames as Linux sent them over a veth, from 198.18.0.1 and 2001:db8::1 (02:00:00:00:00:0a) to
/// 198.18.0.2 and 2001:db8::2 (02:00:00:00:00:0b) or back, checksums finished: the judges of our
/// parsers and writers.
namespace millrace::wire::captured {

using Bytes = std::vector<std::byte>;

/// Who-has 198.18.0.2 tell 198.18.0.1.
inline const Bytes arp_request =
    hex("ff ff ff ff ff ff 02 00 00 00 00 0a 08 06 00 01 08 00 06 04 00 01 02 00 "
        "00 00 00 0a c6 12 00 01 00 00 00 00 00 00 c6 12 00 02");

/// 198.18.0.2 is at 02:00:00:00:00:0b.
inline const Bytes arp_reply =
    hex("02 00 00 00 00 0a 02 00 00 00 00 0b 08 06 00 01 08 00 06 04 00 02 02 00 "
        "00 00 00 0b c6 12 00 02 02 00 00 00 00 0a c6 12 00 01");

/// Ping, identifier 7849, sequence 1, 16 bytes of data.
inline const Bytes icmp_echo_request =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00 00 2c 1c 21 40 00 40 01 "
        "92 88 c6 12 00 01 c6 12 00 02 08 00 1a e5 1e a9 00 01 b2 99 00 6b 00 00 "
        "00 00 05 6c 06 00 00 00 00 00");

/// Its answer, from the other side.
inline const Bytes icmp_echo_reply =
    hex("02 00 00 00 00 0a 02 00 00 00 00 0b 08 00 45 00 00 2c 10 56 00 00 40 01 "
        "de 53 c6 12 00 02 c6 12 00 01 00 00 22 e5 1e a9 00 01 b2 99 00 6b 00 00 "
        "00 00 05 6c 06 00 00 00 00 00");

/// Who has 2001:db8::2.
inline const Bytes neighbour_solicitation =
    hex("33 33 ff 00 00 02 02 00 00 00 00 0a 86 dd 60 00 00 00 00 20 3a ff 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 01 ff 02 00 00 00 00 00 00 00 00 "
        "00 01 ff 00 00 02 87 00 1c 1e 00 00 00 00 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 02 01 01 02 00 00 00 00 0a");

/// 2001:db8::2 is at 02:00:00:00:00:0b.
inline const Bytes neighbour_advertisement =
    hex("02 00 00 00 00 0a 02 00 00 00 00 0b 86 dd 60 00 00 00 00 20 3a ff 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 02 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 01 88 00 8a 68 60 00 00 00 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 02 02 01 02 00 00 00 00 0b");

/// Ping over IPv6, identifier 7850, sequence 1, 15 bytes of data.
inline const Bytes icmpv6_echo_request =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 86 dd 60 02 55 2a 00 17 3a 40 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 01 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 02 80 00 cd 5c 1e aa 00 01 00 01 02 03 04 05 06 07 08 09 "
        "0a 0b 0c 0d 0e");

/// Port 56916 to 7: MSS, SACK permitted, timestamps, window scale.
inline const Bytes tcp_syn =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00 00 3c 52 04 40 00 40 06 "
        "5c 90 c6 12 00 01 c6 12 00 02 de 54 00 07 13 14 7d 4f 00 00 00 00 a0 02 "
        "fa f0 7f 17 00 00 02 04 05 b4 04 02 08 0a 8b d8 47 35 00 00 00 00 01 03 "
        "03 0a");

/// Its answer.
inline const Bytes tcp_syn_ack =
    hex("02 00 00 00 00 0a 02 00 00 00 00 0b 08 00 45 00 00 3c 00 00 40 00 40 06 "
        "ae 94 c6 12 00 02 c6 12 00 01 00 07 de 54 0f 5e c5 ab 13 14 7d 50 a0 12 "
        "fe 88 c6 23 00 00 02 04 05 b4 04 02 08 0a 57 f4 88 4c 8b d8 47 35 01 03 "
        "03 0a");

/// 13 bytes with PSH.
inline const Bytes tcp_data =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00 00 41 52 06 40 00 40 06 "
        "5c 89 c6 12 00 01 c6 12 00 02 de 54 00 07 13 14 7d 50 0f 5e c5 ac 80 18 "
        "00 3f 91 d7 00 00 01 01 08 0a 8b d8 47 39 57 f4 88 4c 68 65 6c 6c 6f 2c "
        "20 77 6f 72 6c 64 21");

/// FIN with ACK.
inline const Bytes tcp_fin =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00 00 34 52 08 40 00 40 06 "
        "5c 94 c6 12 00 01 c6 12 00 02 de 54 00 07 13 14 7d 5d 0f 5e c5 b9 80 11 "
        "00 3f f3 19 00 00 01 01 08 0a 8b d8 47 39 57 f4 88 50");

/// "odd" to port 9.
inline const Bytes udp_datagram =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00 00 1f 9f 1f 40 00 40 11 "
        "0f 87 c6 12 00 01 c6 12 00 02 cc a3 00 09 00 0b d3 9e 6f 64 64");

/// The answer to it, quoting all of it.
inline const Bytes icmp_port_unreachable =
    hex("02 00 00 00 00 0a 02 00 00 00 00 0b 08 00 45 c0 00 3b 11 11 00 00 40 01 "
        "dc c9 c6 12 00 02 c6 12 00 01 03 03 89 41 00 00 00 00 45 00 00 1f 9f 1f "
        "40 00 40 11 0f 87 c6 12 00 01 c6 12 00 02 cc a3 00 09 00 0b d3 9e 6f 64 "
        "64");

/// The last 29 bytes of a datagram of 1501 x.
inline const Bytes udp_last_fragment =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00 00 31 9f 20 00 b9 40 11 "
        "4e bb c6 12 00 01 c6 12 00 02 78 78 78 78 78 78 78 78 78 78 78 78 78 78 "
        "78 78 78 78 78 78 78 78 78 78 78 78 78 78 78");

/// 13 bytes with PSH over IPv6.
inline const Bytes tcp_data_ipv6 =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 86 dd 60 01 e6 af 00 2d 06 40 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 01 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 02 ab ec 00 07 df 01 be b0 cf 69 5b d0 80 18 00 40 8d d1 "
        "00 00 01 01 08 0a be 7e 32 2e 39 cf 8c 79 68 65 6c 6c 6f 2c 20 77 6f 72 "
        "6c 64 21");

/// "odd" to port 9 over IPv6.
inline const Bytes udp_datagram_ipv6 =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 86 dd 60 02 af b0 00 0b 11 40 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 01 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 02 99 88 00 09 00 0b 37 6d 6f 64 64");

/// The answer to it, quoting all of it.
inline const Bytes icmpv6_port_unreachable =
    hex("02 00 00 00 00 0a 02 00 00 00 00 0b 86 dd 60 01 8e 20 00 3b 3a 40 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 02 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 01 01 04 82 2f 00 00 00 00 60 02 af b0 00 0b 11 40 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 01 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 02 99 88 00 09 00 0b 37 6d 6f 64 64");

/// The last 61 bytes of a datagram of 1501 x.
inline const Bytes udp_last_fragment_ipv6 =
    hex("02 00 00 00 00 0b 02 00 00 00 00 0a 86 dd 60 02 af b0 00 45 2c 40 20 01 "
        "0d b8 00 00 00 00 00 00 00 00 00 00 00 01 20 01 0d b8 00 00 00 00 00 00 "
        "00 00 00 00 00 02 11 00 05 a8 f1 8e 21 54 78 78 78 78 78 78 78 78 78 78 "
        "78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 "
        "78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 "
        "78 78 78");

/// From fe80::ff:fe00:a.
inline const Bytes router_solicitation =
    hex("33 33 00 00 00 02 02 00 00 00 00 0a 86 dd 60 00 00 00 00 10 3a ff fe 80 "
        "00 00 00 00 00 00 00 00 00 ff fe 00 00 0a ff 02 00 00 00 00 00 00 00 00 "
        "00 00 00 00 00 02 85 00 7b 1a 00 00 00 00 01 01 02 00 00 00 00 0a");

} // namespace millrace::wire::captured
