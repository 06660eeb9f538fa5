#include "property.hpp"
#include "wire/checksum.hpp"
#include "wire/icmp.hpp"

using namespace millrace::wire;

/// The checksum is made right first, or hardly an input would get beyond it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto original = input(data, size);
    IcmpMessage message;
    static_cast<void>(parse_icmp(original, message));
    if (size < icmp_header_bytes) {
        return 0;
    }
    std::vector<std::byte> bytes{original.begin(), original.end()};
    auto& checksum = header_at<IcmpHeader>(bytes.data()).checksum;
    checksum = std::uint16_t{0};
    checksum = finish(sum(bytes));
    const Drop drop = parse_icmp(bytes, message);
    require(drop == Drop::none || drop == Drop::icmp_unknown_type, "the checksum is right");
    if (drop != Drop::none) {
        return 0;
    }
    std::vector<std::byte> out(icmp_header_bytes + message.data.size());
    require(write_icmp(out.data(), message) == size, "length");
    IcmpMessage again;
    require(parse_icmp(out, again) == Drop::none, "is read again");
    require(again.type == message.type && again.code == message.code &&
                again.echo_id == message.echo_id && again.echo_sequence == message.echo_sequence &&
                again.mtu == message.mtu && again.pointer == message.pointer &&
                same(again.data, message.data),
            "round trip");
    IcmpQuote quote;
    static_cast<void>(parse_icmp_quote(message.data, quote));
    return 0;
}
