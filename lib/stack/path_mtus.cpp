#include "stack/path_mtus.hpp"

#include <algorithm>
#include <bit>
#include <span>

namespace millrace::stack {

template <class Addr>
PathMtus<Addr>::PathMtus(std::uint32_t capacity, const SipKey& key)
    : key_{key}, entries_(std::max(capacity, 1U)), buckets_(std::bit_ceil(entries_.size()), none) {}

template <class Addr>
std::uint32_t PathMtus<Addr>::bucket_of(const Addr& destination) const {
    const std::uint64_t hash = siphash(key_, std::as_bytes(std::span{destination.bytes}));
    return static_cast<std::uint32_t>(hash & (buckets_.size() - 1));
}

template <class Addr>
std::uint32_t PathMtus<Addr>::index_of(const Addr& destination) const {
    std::uint32_t index = buckets_[bucket_of(destination)];
    while (index != none && entries_[index].destination != destination) {
        index = entries_[index].next_in_bucket;
    }
    return index;
}

template <class Addr>
std::uint16_t PathMtus<Addr>::look_up(const Addr& destination, Instant now) const {
    const std::uint32_t index = index_of(destination);
    return index == none || entries_[index].expires <= now ? unknown : entries_[index].mtu;
}

template <class Addr>
void PathMtus<Addr>::leave_bucket(std::uint32_t index) {
    std::uint32_t* link = &buckets_[bucket_of(entries_[index].destination)];
    while (*link != index) {
        link = &entries_[*link].next_in_bucket;
    }
    *link = entries_[index].next_in_bucket;
}

template <class Addr>
bool PathMtus<Addr>::learn(const Addr& destination, std::uint16_t mtu, Instant now) {
    if (const std::uint32_t known = index_of(destination); known != none) {
        Entry& entry = entries_[known];
        entry.mtu = entry.expires <= now ? mtu : std::min(entry.mtu, mtu);
        entry.expires = now + lifetime;
        return true;
    }
    std::uint32_t index = size_;
    bool evicted = false;
    if (size_ < entries_.size()) {
        ++size_;
    } else {
        index = next_;
        next_ = next_ + 1 == size_ ? 0 : next_ + 1;
        evicted = entries_[index].expires > now;
        leave_bucket(index);
    }
    std::uint32_t& bucket = buckets_[bucket_of(destination)];
    entries_[index] = {destination, mtu, bucket, now + lifetime};
    bucket = index;
    return !evicted;
}

template class PathMtus<wire::Ipv4Addr>;
template class PathMtus<wire::Ipv6Addr>;

} // namespace millrace::stack
