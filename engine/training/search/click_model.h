#pragma once
// A position-based click model: P(click) = examined(rank) x attractive(query, document), by
// expectation maximisation (Chuklin, Markov & de Rijke, "Click Models for Web Search", 2015,
// section 3.2 and 4.2). What is attractive beyond its position becomes the grade to train from. One
// thread, plain loops.

#include "engine/model/package.h"
#include "engine/training/family.h"
#include "engine/training/search/judgments.h"

namespace engine {

struct PositionOptions
{
    int rounds = 200;
    /// Impressions at the mean attractiveness that every pair starts with: rare pairs keep near it.
    double prior = 20;
};

class PositionModel
{
public:
    [[nodiscard]] static PositionModel train(const Impressions &data,
                                             const PositionOptions &options);
    /// Tensors clicks.* and the file clicks.txt; InvalidInput when they do not fit.
    [[nodiscard]] static Result<PositionModel> open(const Package &package);
    void save(TrainedModel &model) const;

    /// Strictly between 0 and 1. A pair never seen counts as the query's mean, a query never seen
    /// as the mean of all; a rank beyond the last as the last.
    [[nodiscard]] double click(const std::string &query, const std::string &document,
                               int rank) const;
    [[nodiscard]] std::optional<double> attraction(const std::string &query,
                                                   const std::string &document) const;
    [[nodiscard]] const std::vector<double> &examined() const { return m_examined; }
    /// Every query's documents with 3 x attraction / the query's highest.
    [[nodiscard]] std::vector<JudgedQuery> grades() const;

private:
    struct Pair
    {
        std::string query, document;
        double attraction;
    };
    void index();
    std::vector<double> m_examined; ///< rank - 1
    std::vector<Pair> m_pairs;      ///< sorted by query, then document
    std::map<std::string, double> m_queryMeans;
    double m_mean = 0;
};

/// Mean log-loss of predictions, per impression.
class LogLoss
{
public:
    void add(double probability, bool isClicked);
    [[nodiscard]] double mean() const;
    [[nodiscard]] std::uint64_t count() const { return m_count; }

private:
    double m_sum = 0;
    std::uint64_t m_count = 0;
};

} // namespace engine
