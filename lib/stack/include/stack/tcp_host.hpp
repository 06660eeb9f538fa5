#pragma once

#include "flow/table.hpp"
#include "stack/active_open.hpp"
#include "stack/control.hpp"
#include "stack/core.hpp"
#include "stack/entries.hpp"
#include "stack/ephemeral_ports.hpp"
#include "stack/neighbours.hpp"
#include "stack/path_mtus.hpp"
#include "stack/quoted_segment.hpp"
#include "stack/time_wait_queue.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millrace::stack {

/// A received segment on its way to its connection.
template <class Addr, class Packet>
struct Incoming {
    Packet packet;
    flow::FourTuple<Addr> key;
    wire::MacAddr from;   ///< Who sent the frame, and gets what is answered without a connection.
    bool steered = false; ///< Another worker has sent it here.
    std::uint64_t hash = 0;
    Reference reference;
    wire::TcpSegment segment;
};

/// TCP of one address family on one worker: its connections in all their sizes, and their way
/// between table, engine, service and transmitter.
///
/// A burst is taken in stages (`admit` for each segment, then `find`, then `process`), so that the
/// cache misses of one segment hide behind the work on others. Every connection that was touched is
/// flushed once, at the end of the burst, when all is known that its acknowledgement can say and
/// its service has queued what it can carry.
template <class Addr, class CoreType>
class TcpHost {
  public:
    using Packet = typename CoreType::Packet;
    using Segment = Incoming<Addr, Packet>;
    using Key = flow::FourTuple<Addr>;
    static constexpr std::size_t burst_max = 64;
    static constexpr std::uint32_t none = UINT32_MAX;

    TcpHost(CoreType& core, Neighbours<Addr>& neighbours, const Control& control);

    TcpHost(const TcpHost&) = delete;
    TcpHost& operator=(const TcpHost&) = delete;

    /// The place for the next segment of the burst; there are `burst_max`.
    [[nodiscard]] Segment& next() { return burst_[count_]; }

    /// Takes the segment just written to `next()` into the burst, and fetches its bucket.
    void admit() {
        Segment& in = burst_[count_++];
        assume_mss(in.segment);
        in.hash = table_.hash(in.key);
        table_.prefetch(in.hash);
    }

    /// Finds the burst's connections and fetches them, then takes each segment through its
    /// connection. `steer(Segment&) -> bool` is asked of segments without one: true when the packet
    /// belongs to another worker and was given to it.
    template <class Steer>
    void process(Instant now, Steer&& steer);

    /// An ICMP error quotes a segment of ours; one that is not in flight is dropped.
    void error_arrives(const QuotedSegment<Addr>& quoted, Instant now);

    /// A segment of ours could not leave, as the next hop does not answer for its address.
    void neighbour_failed(const QuotedSegment<Addr>& quoted, Instant now);

    /// True for a four-tuple that stands in this worker's table.
    [[nodiscard]] bool has(const Key& key) const;

    /// Sends what the connections touched since the last call have to send.
    void flush(Instant now);

    /// A connection's or half-open entry's node has fired.
    void connection_timer(timer::Node& node, Instant now);
    void half_open_timer(timer::Node& node, Instant now);

    /// Tells services that admit connections again of those that have waited for it; whether there
    /// was one.
    bool accept_waiting(Instant now);

    /// Ends the TIME_WAIT entries that have waited long enough, a bounded number at a time.
    void expire_time_wait(Instant now);
    [[nodiscard]] Instant next_deadline() const;

    /// See `Worker::connect` and `Worker::with_socket`.
    [[nodiscard]] Connecting<Addr> connect(Key key, std::uint16_t service, Instant now,
                                           const ServiceState& state);
    template <class F>
    bool with_socket(const Key& key, Instant now, F&& f);

    /// Tells every connection's service that the server is about to stop.
    void drain(Instant now);

    /// Ends every connection with a reset, and forgets all else.
    void abort_all(Instant now);

    /// True while a connection has something to send that found no room.
    [[nodiscard]] bool has_touched() const { return first_touched_ != none; }

    [[nodiscard]] std::uint32_t connections() const { return connections_.in_use(); }
    [[nodiscard]] std::uint32_t half_open() const { return half_open_.in_use(); }
    [[nodiscard]] std::uint32_t time_wait() const { return time_wait_.in_use(); }
    [[nodiscard]] std::uint64_t time_wait_bytes() const {
        return std::uint64_t{time_wait_.in_use()} * sizeof(Waiting);
    }
    [[nodiscard]] const PathMtus<Addr>& path_mtus() const { return path_mtus_; }

    /// Any thread: calls `take(const Summary<Addr>&)` for everything in `buckets` buckets of the
    /// table from `first` on; returns the bucket to go on with, or nothing at the end. What stands
    /// in the table throughout a whole walk is taken exactly once.
    template <class Take>
    std::optional<std::uint32_t> walk(std::uint32_t first, std::uint32_t buckets,
                                      Take&& take) const;

  private:
    using ConnectionType = Connection<Addr>;
    using Half = HalfOpenEntry<Addr>;
    using Waiting = TimeWaitEntry<Addr>;

    /// When data is offered to a service again that could not take it.
    static constexpr Duration offer_again = 10ms;

    /// A SYN without MSS option over IPv6 (RFC 9293 §3.7.1, MUST-15).
    static void assume_mss(wire::TcpSegment& segment) {
        constexpr std::uint16_t ipv6_default = 1220;
        if (std::is_same_v<Addr, wire::Ipv6Addr> && !segment.options.has_mss) {
            segment.options.mss = ipv6_default;
        }
    }

    // Finding
    [[nodiscard]] Reference find(const Key& key, std::uint64_t hash) const;
    void find_burst();
    [[nodiscard]] bool is_of(Reference reference, const Key& key) const;
    [[nodiscard]] std::uint32_t find_set_aside(const Key& key, std::uint64_t hash) const;
    [[nodiscard]] bool is_set_aside(Reference reference) const;
    [[nodiscard]] Key key_of(Reference reference) const;
    void prefetch(Reference reference) const;

    // One segment
    template <class Steer>
    void dispatch(Segment& in, Instant now, Steer&& steer);
    void arrives_without_connection(Segment& in, Instant now);
    void arrives_at_listener(Segment& in, std::uint16_t listener, Instant now);
    void arrives_at_half_open(Segment& in, Instant now);
    void arrives_at_time_wait(Segment& in, Instant now);
    void reopen(Segment& in, tcp::Reuse reuse, Instant now);
    void arrives_at_connection(ConnectionType& connection, Segment& in, Instant now);
    void finish(Segment& in, wire::Drop reason);
    void refuse(Segment& in, WhenQueueFull how, wire::Drop reason);

    // ICMP
    [[nodiscard]] ConnectionType* connection_of(const QuotedSegment<Addr>& quoted);
    [[nodiscard]] bool end_attempt(ConnectionType& connection, Instant now);
    void packet_too_big(ConnectionType& connection, const QuotedSegment<Addr>& quoted, Instant now);

    [[nodiscard]] std::optional<Summary<Addr>> summary_of(Reference reference) const;

    // From one size of connection to the next
    [[nodiscard]] std::uint32_t answer_syn(Segment& in, std::uint16_t listener, wire::SeqNum iss,
                                           Instant now);
    [[nodiscard]] std::uint32_t make_half_open(Segment& in, std::uint16_t listener);
    void remove_half_open(std::uint32_t slot, std::uint64_t hash);
    void establish(Segment& in, Instant now);
    void wait_for_service(ConnectionType& connection);
    void leave_accept_queue(ConnectionType& connection);
    void accept(ConnectionType& connection, Instant now);
    [[nodiscard]] std::uint32_t make_connection(const Key& key, std::uint16_t listener,
                                                Instant now);
    void settle(ConnectionType& connection, Instant now);
    void end(ConnectionType& connection, Instant now);
    void fill_time_wait(std::uint32_t slot, const ConnectionType& connection, Instant now);
    void free_connection(ConnectionType& connection);
    [[nodiscard]] bool adopt_orphan(ConnectionType& connection, Instant now);
    [[nodiscard]] std::uint32_t make_time_wait();
    [[nodiscard]] TimeWaitQueue<Waiting>* queue_of_the_oldest();
    void remove_time_wait(std::uint32_t slot);
    [[nodiscard]] bool opened_by_us(const Waiting& waiting) const {
        return core_.listeners[waiting.listener].options.port != waiting.key().local_port;
    }

    // Active opens
    [[nodiscard]] ConnectResult choose_address(Key& key) const;
    [[nodiscard]] ConnectResult choose_port(Key& key, std::uint16_t service, Instant now);
    [[nodiscard]] bool is_home(const Key& key) const;
    [[nodiscard]] bool may_take_over(Reference found, std::uint16_t service, Instant now) const;
    [[nodiscard]] ConnectResult open(const Key& key, std::uint16_t service, Instant now,
                                     const ServiceState& state);

    // The service
    [[nodiscard]] Socket socket(ConnectionType& connection, Instant now);
    void tell(ConnectionType& connection, SocketEvent event, Instant now);
    void tell_end(ConnectionType& connection, Instant now);
    static void note_end(ConnectionType& connection, std::uint8_t events);
    void deliver(ConnectionType& connection, Segment& in, tcp::Arrival& arrival, Instant now);
    void deliver_unread(ConnectionType& connection, Instant now);
    void retain(const Slice& slice, std::uint32_t references);

    // Sending
    void touch(ConnectionType& connection);
    void schedule(ConnectionType& connection);
    void send_to_neighbour(const Key& key, std::uint32_t neighbour, const tcp::Rope* queue,
                           Instant now);
    void transmit_output(ConnectionType& connection, Instant now);
    void answer(const Segment& in);
    void send_routed(const Key& key, Instant now);
    [[nodiscard]] Path<Addr> path(const Key& key) const;
    [[nodiscard]] wire::SeqNum initial_sequence(const Key& key, Instant now) const;
    [[nodiscard]] std::uint32_t timestamp_offset(const Key& key) const;
    /// Bytes of the largest packet that our link carries.
    [[nodiscard]] std::uint16_t own_mtu() const {
        return std::is_same_v<Addr, wire::Ipv4Addr> ? core_.settings.interface.mtu
                                                    : control_.ipv6_mtu();
    }
    [[nodiscard]] std::uint16_t own_mss() const { return mss_of<Addr>(own_mtu()); }
    [[nodiscard]] std::uint16_t path_mss(const Addr& remote, Instant now) const {
        return mss_of<Addr>(std::min(path_mtus_.find(remote, now), own_mtu()));
    }
    [[nodiscard]] const tcp::Config& config_of(std::uint16_t listener) const {
        return core_.settings.tcp[core_.listeners[listener].options.tcp];
    }
    [[nodiscard]] tcp::LocalEnd local_end(std::uint16_t listener) const {
        return {config_of(listener), own_mss(), core_.listeners[listener].options.defer_accept};
    }
    [[nodiscard]] AcceptQueue& accept_queue(std::uint16_t listener) {
        return core_.listeners[listener].accept_queues[std::is_same_v<Addr, wire::Ipv6Addr>];
    }

    CoreType& core_;
    Neighbours<Addr>& neighbours_;
    const Control& control_;
    flow::Table<Key> table_;
    Pool<ConnectionType> connections_;
    Pool<Half> half_open_;
    Pool<Waiting> time_wait_;
    std::vector<TimeWaitQueue<Waiting>> time_wait_queues_;
    EphemeralPorts ephemeral_ports_;
    PathMtus<Addr> path_mtus_;
    std::uint32_t first_touched_ = none; ///< Of those to flush; they are linked by their entries.
    std::uint32_t last_touched_ = none;  ///< Has meaning while there is a first.
    std::uint32_t table_changes_ = 0;    ///< Since the burst's references were looked up.
    std::size_t count_ = 0;
    std::array<Segment, burst_max> burst_;
};

} // namespace millrace::stack

#include "stack/tcp_host_accept.hpp"    // IWYU pragma: keep
#include "stack/tcp_host_errors.hpp"    // IWYU pragma: keep
#include "stack/tcp_host_half_open.hpp" // IWYU pragma: keep
#include "stack/tcp_host_input.hpp"     // IWYU pragma: keep
#include "stack/tcp_host_life.hpp"      // IWYU pragma: keep
#include "stack/tcp_host_open.hpp"      // IWYU pragma: keep
#include "stack/tcp_host_output.hpp"    // IWYU pragma: keep
#include "stack/tcp_host_service.hpp"   // IWYU pragma: keep
#include "stack/tcp_host_time_wait.hpp" // IWYU pragma: keep
#include "stack/tcp_host_walk.hpp"      // IWYU pragma: keep
