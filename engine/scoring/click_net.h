#pragma once
// The DLRM class net of a click model, as weights and as our own forward pass: embeddings of the
// fields, a bottom MLP over the numbers, pairwise products, a top MLP, and a linear part. Every sum
// has one fixed order and products are not contracted, so a row scores the same bits alone and in a
// batch, on every machine. Naumov et al., "Deep Learning Recommendation Model", 2019; the pooled
// form is the factorisation machine of Guo et al., "DeepFM", 2017. Immutable after reading; any
// thread.

#include "engine/model/feature_encoder.h"
#include "engine/model/package.h"

namespace engine {

struct ClickNetShape
{
    std::size_t codes = 0, fields = 0, dense = 0;
    bool hasBag = false;
    std::size_t dimension = 8, hidden = 64, layers = 2;
    bool dots = false;  ///< all pairwise products to the top MLP; else their sum by dimension
    bool concat = true; ///< the embeddings themselves to the top MLP too

    /// Vectors that interact: of the numbers, of each field, of the bag.
    [[nodiscard]] std::size_t vectors() const
    {
        return (dense > 0 ? 1u : 0u) + fields + (hasBag ? 1u : 0u);
    }
    [[nodiscard]] std::size_t topInputs() const
    {
        return (dense > 0 ? dimension : 0) + (dots ? vectors() * (vectors() - 1) / 2 : dimension)
               + (concat ? (fields + (hasBag ? 1u : 0u)) * dimension : 0);
    }
};

/// y = b + x W; weight is [inputs, outputs], row-major.
struct NetLayer
{
    std::size_t inputs = 0, outputs = 0;
    std::vector<float> weight, bias;
};

struct ClickNet
{
    ClickNetShape shape;
    std::vector<float> table;     ///< [codes, dimension + 1]; the last is the linear weight
    std::vector<float> linear;    ///< [dense]
    std::vector<NetLayer> bottom; ///< dense -> hidden -> dimension; none without numbers
    std::vector<NetLayer> top;    ///< topInputs -> hidden ... -> 1

    struct Scratch
    {
        std::vector<float> vectors, bag, top, work;
    };
    /// The log-odds of a row.
    [[nodiscard]] double logit(const EncodedRow &row, Scratch &scratch) const;
};

/// Layers of this shape with zero weights, in the order of the package.
[[nodiscard]] ClickNet emptyNet(const ClickNetShape &shape);

/// NAME.table, NAME.linear, NAME.bottomI.weight|bias, NAME.topI.weight|bias, all F32; refuses other
/// shapes and numbers that are not finite.
[[nodiscard]] Result<ClickNet> readNet(const Package &package, const std::string &name,
                                       const ClickNetShape &shape);

} // namespace engine
