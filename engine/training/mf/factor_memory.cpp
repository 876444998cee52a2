#include "engine/training/mf/factor_memory.h"

#include <ATen/ops/empty_like.h>

#include <cstdint>
#include <sys/mman.h>

namespace engine {

at::Tensor roomLike(const at::Tensor &like)
{
    constexpr std::uintptr_t kLargePage = std::uintptr_t{2} << 20;
    auto out = at::empty_like(like);
    const auto first = reinterpret_cast<std::uintptr_t>(out.data_ptr<float>());
    const auto end = first + static_cast<std::uintptr_t>(out.numel()) * sizeof(float);
    const auto begin = (first + kLargePage - 1) / kLargePage * kLargePage;
    // Only a hint, and only for pages that lie wholly inside: a refusal changes nothing.
    if (begin < end / kLargePage * kLargePage)
        madvise(reinterpret_cast<void *>(begin), end / kLargePage * kLargePage - begin,
                MADV_HUGEPAGE);
    return out;
}

} // namespace engine
