#pragma once
// Grows one regression tree on binned features, best leaf first, from the slopes of a loss
// (second-order boosting, Chen & Guestrin, "XGBoost", KDD 2016; histograms and leaf-wise growth, Ke
// et al., "LightGBM", NIPS 2017). Histograms of the larger child come by subtraction. The result
// does not depend on the number of threads. One thread calls.

#include "engine/scoring/tree_model.h"
#include "engine/training/trees/bins.h"
#include "engine/training/trees/work_crew.h"

namespace engine {

struct GrowOptions
{
    int leaves = 31;
    int leastRows = 20;         ///< in a leaf
    double leastHessian = 1e-3; ///< in a leaf
    double ridge = 1.0;         ///< added to the curvature of a leaf
    double leastGain = 1e-9;
};

class Grower
{
public:
    Grower(const Bins &bins, const GrowOptions &options, WorkCrew &crew);

    struct Leaf
    {
        std::int32_t node;      ///< in the model
        std::size_t begin, end; ///< its rows in rows()
        double gradient, hessian;
    };
    /// Appends a tree to `model` whose leaf values are still -gradient / (hessian + ridge); the
    /// caller scales or replaces them. `rows` take part, `features` may be split on.
    void grow(std::vector<std::uint32_t> rows, std::span<const std::uint32_t> features,
              std::span<const float> gradient, std::span<const float> hessian, TreeModel &model);
    [[nodiscard]] const std::vector<Leaf> &leaves() const { return m_leaves; }
    [[nodiscard]] const std::vector<std::uint32_t> &rows() const { return m_rows; }
    /// The leaf (its node) in which a row of the table ends in the tree grown last.
    [[nodiscard]] std::int32_t leafOfRow(std::size_t row) const;

private:
    struct Cell
    {
        double gradient = 0, hessian = 0;
        double rows = 0;
    };
    using Histogram = std::vector<Cell>; ///< [feature of this tree][Bins::kMost]
    struct Split
    {
        double gain = 0;
        std::uint32_t feature = 0;
        std::uint32_t bin = 0; ///< left: bins 1 .. bin
        bool missingLeft = true;
    };
    struct Open
    {
        Leaf leaf;
        Histogram histogram;
        Split split;
    };
    struct Parted ///< how the tree grown last sends bins, by node
    {
        std::int32_t feature = -1, left = 0;
        std::uint8_t bin = 0;
        bool missingLeft = true;
    };

    [[nodiscard]] Histogram fresh();
    void fill(Open &open, std::size_t slot) const;
    void look(Open &open);
    [[nodiscard]] Split bestOf(const Open &open, std::size_t slot) const;
    [[nodiscard]] std::size_t part(const Leaf &leaf, const Split &split);

    const Bins &m_bins;
    GrowOptions m_options;
    WorkCrew &m_crew;
    std::span<const std::uint32_t> m_features;
    std::span<const float> m_gradient, m_hessian;
    std::vector<std::uint32_t> m_rows, m_right;
    std::vector<Leaf> m_leaves;
    std::vector<Parted> m_parted;
    std::int32_t m_root = 0;
    std::vector<Histogram> m_spare;
    std::vector<Split> m_best; ///< by slot, scratch of look()
};

} // namespace engine
