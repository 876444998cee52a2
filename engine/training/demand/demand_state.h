#pragma once
// What a checkpoint of a demand training holds: the finished parts, the one in work, the validation
// so far. Value; any thread.

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/scoring/tree_model.h"

#include <map>

namespace engine {

struct DemandState
{
    struct Part
    {
        std::vector<std::int32_t> feature, left, roots;
        std::vector<float> value;
        std::vector<std::uint8_t> missing;
        double base = 0;
        std::uint32_t best = 0; ///< trees with the least validation loss
        std::vector<double> losses;
        template <class A>
        void fields(A &a)
        {
            a(feature);
            a(left);
            a(roots);
            a(value);
            a(missing);
            a(base);
            a(best);
            a(losses);
        }
    };
    std::map<std::string, Part> finished;
    std::string name;
    Part current;
    template <class A>
    void fields(A &a)
    {
        a(finished);
        a(name);
        a(current);
    }

    [[nodiscard]] Result<Bytes> bytes() const;
    /// InvalidInput when they are no checkpoint of a demand model.
    [[nodiscard]] static Result<DemandState> read(const Bytes &saved);
};

[[nodiscard]] DemandState::Part packedPart(const TreeModel &model);
[[nodiscard]] TreeModel treesOf(const DemandState::Part &part);

} // namespace engine
