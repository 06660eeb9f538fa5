// A plain echo server on the kernel's stack, to stand beside ours: one thread, one epoll, sockets
// that do not block. Edge-triggered, so that a message costs one wake-up, a read and a write.
//
// usage: epoll_echo PORT     ends by a signal

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace {

int checked(int result, const char* what) {
    if (result < 0) {
        throw std::system_error{errno, std::generic_category(), what};
    }
    return result;
}

/// Listens on every address of both families.
int listen_on(std::uint16_t port) {
    const int listener = checked(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    const int on = 1;
    const int off = 0;
    checked(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    checked(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), "IPV6_V6ONLY");
    // Those that it accepts inherit this.
    checked(setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    checked(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    checked(listen(listener, 65'535), "listen");
    return listener;
}

class Echo {
  public:
    explicit Echo(std::uint16_t port)
        : epoll_{checked(epoll_create1(0), "epoll_create1")}, listener_{listen_on(port)} {
        watch(listener_, EPOLLIN | EPOLLET);
    }

    [[noreturn]] void serve() {
        std::array<epoll_event, 512> events{};
        for (;;) {
            const int count =
                epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            if (count < 0 && errno != EINTR) {
                checked(count, "epoll_wait");
            }
            for (int i = 0; i < count; ++i) {
                const epoll_event& event = events[static_cast<std::size_t>(i)];
                if (event.data.fd == listener_) {
                    accept_all();
                } else {
                    echo(event.data.fd, (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0);
                }
            }
        }
    }

  private:
    void watch(int descriptor, std::uint32_t events) const {
        epoll_event event{};
        event.events = events;
        event.data.fd = descriptor;
        checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
    }

    void accept_all() const {
        for (;;) {
            const int connection = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (connection < 0) {
                return;
            }
            watch(connection, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
        }
    }

    /// Moves what can be moved now, and first what the peer had no room for. While `more_will_come`
    /// the next arrival is an edge of its own; if not, the end of the stream must be read too.
    void echo(int connection, bool more_will_come) {
        if (auto held = unsent_.find(connection); held != unsent_.end()) {
            const std::vector<char> bytes = std::move(held->second);
            unsent_.erase(held);
            if (!send_all(connection, bytes)) {
                return;
            }
        }
        for (;;) {
            const ssize_t received = recv(connection, buffer_.data(), buffer_.size(), 0);
            if (received < 0 && errno == EAGAIN) {
                return;
            }
            if (received <= 0) {
                close_connection(connection);
                return;
            }
            const std::span bytes = std::span{buffer_}.first(static_cast<std::size_t>(received));
            if (!send_all(connection, bytes)) {
                return;
            }
            if (more_will_come && bytes.size() < buffer_.size()) {
                return;
            }
        }
    }

    /// False when the peer has no room, or is gone.
    bool send_all(int connection, std::span<const char> bytes) {
        const ssize_t result = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (result < 0 && errno != EAGAIN) {
            close_connection(connection);
            return false;
        }
        const std::span rest = bytes.subspan(static_cast<std::size_t>(result < 0 ? 0 : result));
        if (!rest.empty()) {
            unsent_.emplace(connection, std::vector<char>{rest.begin(), rest.end()});
            return false;
        }
        return true;
    }

    void close_connection(int connection) {
        unsent_.erase(connection);
        close(connection);
    }

    int epoll_;
    int listener_;
    std::unordered_map<int, std::vector<char>> unsent_;
    std::array<char, 65'536> buffer_{};
};

} // namespace

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    const std::string_view text{argc == 2 ? argv[1] : ""};
    if (std::from_chars(text.data(), text.data() + text.size(), port).ptr !=
            text.data() + text.size() ||
        port == 0) {
        std::fputs("usage: epoll_echo PORT\n", stderr);
        return 2;
    }
    try {
        Echo{port}.serve();
    } catch (const std::system_error& error) {
        std::fprintf(stderr, "epoll_echo: %s\n", error.what());
        return 1;
    }
}
