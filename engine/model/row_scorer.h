#pragma once
// A model that answers rows of a table: for each row the probability of a click, a purchase ...
// engine/scoring implements it; whoever serves rows knows only this.

#include "engine/base/error.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace engine {

/// What a model said to rows, and what it could not know of them.
struct RowAnswers
{
    std::vector<double> probabilities; ///< one per row, in their order
    std::uint64_t unseen = 0;          ///< values that the training never saw
};

/// Loaded from a verified package; immutable. predict() may be called from several threads at once.
class RowScorer
{
public:
    virtual ~RowScorer() = default;
    /// The columns that a row is made of, by their names in the training file. A model of libsvm
    /// rows has one, "features": "index:value index:value ...".
    [[nodiscard]] virtual const std::vector<std::string> &columns() const = 0;
    /// Each row has one text per column; an empty text is a missing value. A row gets the same bits
    /// alone and among others. InvalidInput names the row (from 0) that has another number of
    /// fields.
    [[nodiscard]] virtual Result<RowAnswers>
    predict(std::span<const std::vector<std::string>> rows) const = 0;
    [[nodiscard]] virtual std::string version() const = 0;
    [[nodiscard]] virtual std::string digest() const = 0; ///< SHA-256 of manifest.json, hex
    [[nodiscard]] virtual std::string family() const = 0;
};

} // namespace engine
