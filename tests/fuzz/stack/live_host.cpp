#include "live_host.hpp"

#include "../../unit/tcp/invariants.hpp"
#include "base/assert.hpp"

#include <algorithm>

namespace millrace::fuzz {

namespace {

constexpr std::size_t packets = 128;
constexpr std::size_t packets_small = 48;
constexpr int turns_at_once = 16;

template <class Host>
[[nodiscard]] bool is_empty(const Host& host) {
    return host.connections() + host.half_open() + host.time_wait() == 0;
}

} // namespace

stack::WorkerSettings LiveHost::worker_settings(const LiveSettings& settings) {
    stack::WorkerSettings worker;
    worker.interface.mac = script::our_mac;
    worker.interface.ipv4 = {{script::our_address<wire::Ipv4Addr>(), 24}};
    worker.interface.ipv6 = {{script::our_address<wire::Ipv6Addr>(), 64}};
    worker.control.ipv4_announcements = 0;
    worker.control.ipv6_probes = 0;
    worker.tcp.front() = settings.tcp;
    const bool small = settings.small_pools;
    worker.buffers = {.nodes = small ? 24U : 1024U,
                      .chunks = small ? 4U : 64U,
                      .packets = small ? 16U : 64U,
                      .packet_bytes = sizeof(support::PacketBuffer)};
    worker.flights = {.flights = small ? 2U : 16U, .records = small ? 2U : 256U};
    worker.connections_max = small ? 2 : 16;
    worker.half_open_max = small ? 1 : 16;
    worker.time_wait_max = small ? 1 : 16;
    worker.reassemblies_max = small ? 1 : 16;
    worker.neighbours = {.entries = 4, .held = 4, .held_per_neighbour = 2};
    return worker;
}

LiveHost::LiveHost(const LiveSettings& settings)
    : settings_{settings}, now_{settings.start}, nic_{settings.small_pools ? packets_small
                                                                           : packets,
                                                      {.multi_segment = settings.multi_segment}},
      worker_{nic_, worker_settings(settings), nullptr, now_} {
    user.family = settings.family;
    user.corks = settings.corked;
    stack::ListenerOptions options;
    options.no_delay = settings.no_delay;
    options.linger_zero = settings.linger_zero;
    options.time_wait_policy = settings.reuse;
    options.defer_accept = settings.defer_accept;
    opens_ = worker_.listen(options, LiveService{&user});
    options.port = listening;
    worker_.listen(options, LiveService{&user});
    arrives(script::greeting(settings.family));
    static_cast<void>(run());
}

std::deque<script::Packet> LiveHost::run(Duration later) {
    now_ += later;
    std::deque<script::Packet> sent;
    for (int turn = 0; turn < turns_at_once; ++turn) {
        bool busy = worker_.poll_once(now_) > 0;
        support::Frame frame;
        while (nic_.take_sent(frame)) {
            if (auto packet = script::packet_of(settings_.family, frame)) {
                sent.push_back(std::move(*packet));
            } else if (const auto answer = script::answer_to(frame)) {
                arrives(*answer);
            }
            busy = true;
        }
        if (!busy) {
            break;
        }
    }
    check();
    return sent;
}

void LiveHost::check() const {
    for (const Live& live : user.connections) {
        if (live.tcb != nullptr) {
            tcp::expect_sound(*live.tcb, worker_.core().context);
            if (nic_.transmit_room == SIZE_MAX && live.tcb->state != tcp::State::closed) {
                tcp::expect_nothing_forgotten(*live.tcb);
            }
        }
    }
}

void LiveHost::connect(const script::Ports& ports) {
    const auto open = [&](auto address) {
        using Addr = decltype(address);
        static_cast<void>(worker_.connect<Addr>(
            {script::our_address<Addr>(), script::peer_address<Addr>(), ports.local, ports.remote},
            opens_, now_));
    };
    if (settings_.family == script::Family::ipv4) {
        open(wire::Ipv4Addr{});
    } else {
        open(wire::Ipv6Addr{});
    }
}

void LiveHost::act(Act act) {
    user.act = act;
    worker_.drain(now_);
    worker_.core().draining = false;
    user.act = Act::nothing;
}

void LiveHost::end() {
    nic_.transmit_room = SIZE_MAX;
    worker_.abort_all(now_);
    static_cast<void>(run());
    worker_.release_everything(now_);
    support::Frame frame;
    while (nic_.take_sent(frame)) {
    }
    auto& core = worker_.core();
    MILLRACE_ASSERT(is_empty(worker_.host<wire::Ipv4Addr>()));
    MILLRACE_ASSERT(is_empty(worker_.host<wire::Ipv6Addr>()));
    MILLRACE_ASSERT(nic_.packets_in_use() == 0);
    MILLRACE_ASSERT(core.buffers.nodes().in_use() == 0);
    MILLRACE_ASSERT(core.buffers.chunks().in_use() == 0);
    MILLRACE_ASSERT(core.buffers.packets_held() == 0);
    MILLRACE_ASSERT(core.reassemblies.in_use() == 0);
    MILLRACE_ASSERT(core.flights.flights().in_use() == 0);
    MILLRACE_ASSERT(core.flights.records().in_use() == 0);
    for (std::uint16_t i = 0; i < core.listeners.size(); ++i) {
        MILLRACE_ASSERT(core.listeners[i].half_open == 0);
    }
    MILLRACE_ASSERT(std::ranges::all_of(user.connections,
                                        [](const Live& live) { return live.tcb == nullptr; }));
}

} // namespace millrace::fuzz
