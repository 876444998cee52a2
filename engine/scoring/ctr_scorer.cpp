#include "engine/scoring/ctr_scorer.h"

#include "engine/base/exact_math.h"
#include "engine/scoring/package_parts.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace engine {
namespace {

/// Reads settings, remembering the first that is missing or out of range.
class Settings
{
public:
    explicit Settings(const Package &package) : m_settings(package.manifest.settings) {}
    double number(const char *name, double least, double most)
    {
        const auto at = m_settings.find(name);
        if (at != m_settings.end() && at->second >= least && at->second <= most)
            return at->second;
        if (m_wrong.empty())
            m_wrong = name;
        return least;
    }
    std::size_t whole(const char *name, double least, double most)
    {
        return static_cast<std::size_t>(number(name, least, most));
    }
    [[nodiscard]] const std::string &wrong() const { return m_wrong; }

private:
    const std::map<std::string, double> &m_settings;
    std::string m_wrong;
};

Result<std::vector<float>> readMeans(const Package &package, const std::string &name,
                                     std::size_t size)
{
    const auto *entry = package.find(name);
    if (entry == nullptr || entry->dtype != "F32" || entry->bytes != size * sizeof(float))
        return refuseModel("the tensor " + name + " does not fit the feature schema");
    std::vector<float> means(size);
    if (size > 0)
        std::memcpy(means.data(), package.weights.data() + entry->offset, entry->bytes);
    if (!std::all_of(means.begin(), means.end(), [](float x) { return std::isfinite(x); }))
        return refuseModel("the tensor " + name + " holds NaN or infinity");
    return means;
}

Result<std::vector<std::array<float, 2>>> readPoints(const Package &package)
{
    std::vector<std::array<float, 2>> points;
    const auto *entry = package.find("calibration");
    if (entry == nullptr)
        return points;
    if (entry->dtype != "F32" || entry->shape.size() != 2 || entry->shape[0] < 1
        || entry->shape[1] != 2)
        return refuseModel("the tensor calibration is no list of points");
    points.resize(static_cast<std::size_t>(entry->shape[0]));
    std::memcpy(points.data(), package.weights.data() + entry->offset, entry->bytes);
    for (std::size_t i = 0; i < points.size(); ++i) {
        const auto [x, y] = points[i];
        if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1)
            || (i > 0 && (x <= points[i - 1][0] || y < points[i - 1][1])))
            return refuseModel("the points of the tensor calibration do not rise from 0 to 1");
    }
    return points;
}

} // namespace

std::size_t treeFeatures(const FeatureEncoder &encoder)
{
    return encoder.numbers() + 2 * encoder.categories();
}

void fillTreeRow(const FeatureEncoder &encoder, std::span<const float> numbers,
                 std::span<const std::uint32_t> codes, std::span<const float> means,
                 std::span<float> out)
{
    std::copy(numbers.begin(), numbers.end(), out.begin());
    auto *at = out.data() + numbers.size();
    for (std::size_t c = 0; c < encoder.categories(); ++c) {
        const auto code = codes[c] - encoder.firstCode(c);
        *at++ = code == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(code);
        *at++ = means[codes[c]];
    }
}

double clickProbability(double logit)
{
    const double p = 1.0 / (1.0 + exact::exp(-std::clamp(logit, -40.0, 40.0)));
    return std::clamp(p, 1e-7, 1.0 - 1e-7);
}

double interpolate(std::span<const std::array<float, 2>> points, double x)
{
    const auto above = std::find_if(points.begin(), points.end(), [x](const auto &point) {
        return static_cast<double>(point[0]) >= x;
    });
    if (above == points.begin())
        return static_cast<double>(points.front()[1]);
    if (above == points.end())
        return static_cast<double>(points.back()[1]);
    const auto &below = *(above - 1);
    const double x0 = static_cast<double>(below[0]), y0 = static_cast<double>(below[1]);
    const double x1 = static_cast<double>((*above)[0]), y1 = static_cast<double>((*above)[1]);
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

double Blend::probability(double treeLogit, double netLogit) const
{
    const double p = clickProbability(bias + trees * treeLogit + nets * netLogit);
    if (points.empty())
        return p;
    return std::clamp(interpolate(points, p), 1e-7, 1.0 - 1e-7);
}

Result<std::unique_ptr<CtrScorer>> CtrScorer::open(const Package &package)
{
    if (package.manifest.family != "ctr")
        return refuseModel("it is of the family \"" + package.manifest.family + "\", not ctr");
    const auto features = package.files.find("features.bin");
    if (features == package.files.end())
        return refuseModel("it has no features.bin");
    auto schema = parseFeatureSchema(features->second);
    if (!schema)
        return tl::unexpected(schema.error());
    std::unique_ptr<CtrScorer> scorer(new CtrScorer(FeatureEncoder(std::move(*schema))));
    const auto &encoder = scorer->m_encoder;
    Settings settings(package);
    ClickNetShape shape;
    shape.codes = encoder.codes();
    shape.fields = encoder.fields();
    shape.dense = encoder.dense();
    shape.hasBag = encoder.schema().hasBag();
    shape.dimension = settings.whole("dimension", 1, 1024);
    shape.hidden = settings.whole("hidden", 1, 4096);
    shape.layers = settings.whole("layers", 1, 8);
    shape.dots = settings.whole("dots", 0, 1) == 1;
    shape.concat = settings.whole("concat", 0, 1) == 1;
    const auto nets = settings.whole("nets", 0, 1000);
    const auto treeSets = settings.whole("tree sets", 0, 1000);
    auto &blend = scorer->m_blend;
    blend.bias = settings.number("blend bias", -1e3, 1e3);
    blend.trees = settings.number("blend trees", 0, 1e3);
    blend.nets = settings.number("blend nets", 0, 1e3);
    if (!settings.wrong().empty())
        return refuseModel("the setting " + settings.wrong() + " is missing or out of range");
    if (nets + treeSets == 0 || (nets == 0 && blend.nets != 0)
        || (treeSets == 0 && blend.trees != 0))
        return refuseModel("it lacks the nets or trees that it blends");
    for (std::size_t k = 0; k < nets; ++k) {
        auto net = readNet(package, "net" + std::to_string(k), shape);
        if (!net)
            return tl::unexpected(net.error());
        scorer->m_nets.push_back(std::move(*net));
    }
    for (std::size_t k = 0; k < treeSets; ++k) {
        const auto name = "trees" + std::to_string(k);
        auto trees = readTrees(package, name, treeFeatures(encoder));
        if (!trees)
            return tl::unexpected(trees.error());
        auto means = readMeans(package, name + ".means", encoder.firstCode(encoder.categories()));
        if (!means)
            return tl::unexpected(means.error());
        scorer->m_treeSets.push_back({std::move(*trees), std::move(*means)});
    }
    auto points = readPoints(package);
    if (!points)
        return tl::unexpected(points.error());
    blend.points = std::move(*points);
    scorer->m_version = package.manifest.version;
    scorer->m_digest = package.digest;
    return scorer;
}

double blendedProbability(const FeatureEncoder &encoder, std::span<const ClickNet> nets,
                          std::span<const TreeSet> treeSets, const Blend &blend,
                          const EncodedRow &row, CtrScratch &scratch)
{
    double treeLogit = 0, netLogit = 0;
    for (const auto &set : treeSets) {
        scratch.treeRow.resize(treeFeatures(encoder));
        fillTreeRow(encoder, row.numbers, row.codes, set.means, scratch.treeRow);
        treeLogit += set.trees.score(scratch.treeRow);
    }
    for (const auto &net : nets)
        netLogit += net.logit(row, scratch.net);
    if (!treeSets.empty())
        treeLogit /= static_cast<double>(treeSets.size());
    if (!nets.empty())
        netLogit /= static_cast<double>(nets.size());
    return blend.probability(treeLogit, netLogit);
}

Result<RowAnswers> CtrScorer::predict(std::span<const std::vector<std::string>> rows) const
{
    RowAnswers answers;
    answers.probabilities.reserve(rows.size());
    EncodedRow encoded;
    CtrScratch scratch;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        if (rows[r].size() != columns().size())
            return fail(ErrorCode::InvalidInput,
                        "Row " + std::to_string(r) + " has " + std::to_string(rows[r].size())
                            + " fields; the model reads " + std::to_string(columns().size()));
        if (auto done = m_encoder.encode(rows[r], encoded); !done)
            return fail(ErrorCode::InvalidInput,
                        "Row " + std::to_string(r) + ": " + done.error().message);
        answers.probabilities.push_back(probability(encoded, scratch));
        answers.unseen += encoded.unseen;
    }
    return answers;
}

} // namespace engine
