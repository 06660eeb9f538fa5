#include "flow/hash.hpp"

#include <span>

namespace millrace::flow {

HashKey::HashKey(const SipKey& secret) {
    for (std::uint64_t i = 0; i < words_.size(); ++i) {
        // A factor that is even would throw bits away.
        words_[i] = siphash(secret, std::as_bytes(std::span{&i, 1})) | 1;
    }
}

} // namespace millrace::flow
