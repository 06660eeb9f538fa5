#include "mld.hpp"

#include "frames.hpp"
#include "stack/admission.hpp"
#include "stack/control.hpp"
#include "wire/checksum.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace millrace::stack {
namespace {

constexpr std::uint8_t hop_limit = 1;                // Every MLD message stays on the link.
constexpr Duration unsolicited_report_interval = 1s; // RFC 3810 §9.11.
constexpr std::size_t headers_bytes =
    wire::ethernet_header_bytes + wire::ipv6_header_bytes + mld::router_alert_header.size();
constexpr std::size_t records_max =
    (Control::frame_bytes_max - headers_bytes - sizeof(mld::ReportHeader)) / sizeof(mld::Record);

/// Writes everything before the `count` records, which stand in their place, and returns the length
/// of the whole frame.
std::size_t write_headers(std::span<std::byte> out, const wire::MacAddr& mac,
                          const wire::Ipv6Addr& source, std::uint16_t count) {
    const wire::Ipv6Addr& destination = mld::report_destination;
    wire::write_ethernet(out.data(), {.destination = wire::multicast_mac(destination),
                                      .source = mac,
                                      .ethertype = wire::ethertype::ipv6});
    const std::size_t message_bytes = sizeof(mld::ReportHeader) + count * sizeof(mld::Record);
    std::byte* const ip = out.data() + wire::ethernet_header_bytes;
    wire::write_ipv6(ip,
                     {.source = source,
                      .destination = destination,
                      .protocol = wire::ip_protocol::hop_by_hop,
                      .hop_limit = hop_limit},
                     mld::router_alert_header.size() + message_bytes);
    std::memcpy(ip + wire::ipv6_header_bytes, mld::router_alert_header.data(),
                mld::router_alert_header.size());
    std::byte* const message = out.data() + headers_bytes;
    auto& report = wire::header_at<mld::ReportHeader>(message);
    report = {.type = mld::report_type,
              .code = 0,
              .checksum = std::uint16_t{0},
              .reserved = std::uint16_t{0},
              .record_count = count};
    report.checksum =
        wire::finish(wire::sum({message, message_bytes}) +
                     wire::pseudo_header_sum(source, destination, wire::ip_protocol::icmpv6,
                                             static_cast<std::uint32_t>(message_bytes)));
    return headers_bytes + message_bytes;
}

} // namespace

/// RFC 3810 §6.2: answered after a random time, with all groups, once, whatever was asked.
Control::Result Control::group_query_arrives(const wire::Ipv6Packet& packet,
                                             const wire::Icmpv6Message& message, Instant now) {
    if (message.whole.size() < sizeof(mld::QueryHeader) || packet.hop_limit != hop_limit ||
        !packet.source.is_link_local()) {
        return {Result::Kind::drop, wire::Drop::icmp_malformed};
    }
    const auto& query = wire::header_at<mld::QueryHeader>(message.whole.data());
    if (!query.group.is_unspecified() && !is_our_group(interface_, query.group)) {
        return {};
    }
    const Duration delay_max = mld::response_delay(query.response_delay_max);
    const Duration delay{
        std::uniform_int_distribution<Duration::rep>{0, delay_max.count()}(random_)};
    group_report_due_ = std::min(group_report_due_, now + delay);
    look_again_at(group_report_due_);
    return {};
}

/// Writes a report of as many groups as fit; until all are in one the next is due at once.
std::size_t Control::write_group_report(std::span<std::byte> out, Instant now) {
    const bool is_change = group_report_changes_left_ > 0;
    std::byte* const records = out.data() + headers_bytes + sizeof(mld::ReportHeader);
    const RangeSet<std::uint32_t>& groups = interface_.ipv6.endings();
    std::uint16_t count = 0;
    auto ending = groups.at_or_after(group_report_next_);
    for (; ending && count < records_max; ending = groups.at_or_after(*ending + 1)) {
        wire::header_at<mld::Record>(records + count * sizeof(mld::Record)) = {
            .type = is_change ? mld::Record::change_to_exclude : mld::Record::mode_is_exclude,
            .auxiliary_words = 0,
            .source_count = std::uint16_t{0},
            .group = wire::Ipv6Addr::from_value(*ending).solicited_node()};
        ++count;
    }
    if (ending) {
        group_report_next_ = *ending;
    } else {
        group_report_reported(is_change, now);
    }
    if (count == 0) {
        return 0; // We have no IPv6 address, but were asked.
    }
    // RFC 3590 §4: without a link-local address the report comes from nobody.
    const auto own = source_for(interface_, mld::report_destination);
    const wire::Ipv6Addr source = own && may_use(*own) ? *own : wire::Ipv6Addr{};
    counters_.add(ControlCounter::group_reports_sent);
    return write_headers(out, interface_.mac, source, count);
}

/// All groups have been reported once.
void Control::group_report_reported(bool was_change, Instant now) {
    group_report_next_ = 0;
    group_report_due_ = never;
    if (was_change && --group_report_changes_left_ > 0) {
        std::uniform_int_distribution<Duration::rep> wait{0, unsolicited_report_interval.count()};
        group_report_due_ = now + Duration{wait(random_)};
    }
}

} // namespace millrace::stack
