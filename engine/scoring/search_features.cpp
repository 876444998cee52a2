#include "engine/scoring/search_features.h"

#include "engine/base/exact_math.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::size_t kMatched = 300, kNearest = 60, kSpreadOver = 100;
constexpr std::size_t kPlain = 8;
constexpr std::array kScanned{SearchField::Title,    SearchField::Description,
                              SearchField::LongText, SearchField::Supplier,
                              SearchField::Category, SearchField::Attributes};

std::vector<std::string> makeNames()
{
    std::vector<std::string> names{"bm25", "bm25 of best"};
    for (const auto field : kScanned) {
        names.push_back("bm25 " + std::string(searchFieldName(field)));
        names.push_back("cover " + std::string(searchFieldName(field)));
    }
    for (const char *name : {"cover any",
                             "title first",
                             "title first share",
                             "title last share",
                             "title phrase",
                             "title phrase at end",
                             "description first share",
                             "description phrase",
                             "price",
                             "popularity",
                             "attributes",
                             "title length",
                             "description length",
                             "attributes length",
                             "near query",
                             "bm25 plain",
                             "price rank",
                             "popularity rank",
                             "attributes rank",
                             "title length rank",
                             "description length rank",
                             "attributes length rank",
                             "near query rank",
                             "bm25 rank",
                             "feedback text 10",
                             "feedback text 50",
                             "feedback names 10",
                             "feedback names 50",
                             "group text title",
                             "group text any",
                             "group names title",
                             "group names any",
                             "group text bm25",
                             "group names bm25",
                             "own less group",
                             "query words",
                             "query unknown",
                             "query idf",
                             "query least idf",
                             "query digits",
                             "query title matches",
                             "query supplier"})
        names.emplace_back(name);
    return names;
}

double dot(std::span<const float> a, std::span<const double> b)
{
    double sum = 0;
    for (std::size_t i = 0; i < b.size(); ++i)
        sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

void normalise(std::vector<double> &v)
{
    double sum = 0;
    for (const double x : v)
        sum += x * x;
    if (sum > 0) {
        const double by = 1 / exact::sqrt(sum);
        for (auto &x : v)
            x *= by;
    }
}

std::span<const float> vectorOf(const LatentSpace &space, std::uint32_t product)
{
    return {space.products.data() + product * space.dims, space.dims};
}

/// Where the words of a query stand in one field of one product.
struct Matches
{
    std::vector<double> counts; ///< per part, weighted by how likely the spelling is
    std::size_t first = SIZE_MAX, last = SIZE_MAX;
    std::size_t phraseEnd = 0; ///< behind the first place where all parts follow one another
};

Matches matchesIn(const SearchQuery &query, std::span<const std::uint32_t> text)
{
    Matches found;
    const auto parts = query.parts.size();
    found.counts.assign(parts, 0);
    std::size_t next = 0; // the part that would go on with a phrase
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool isMatch = false;
        std::size_t hit = SIZE_MAX;
        for (std::size_t p = 0; p < parts; ++p) {
            for (const auto &choice : query.parts[p].words) {
                if (choice.word == text[i]) {
                    found.counts[p] += choice.weight;
                    isMatch = true;
                    if (hit == SIZE_MAX || p == next)
                        hit = p;
                }
            }
        }
        std::size_t wide = 1;
        for (const auto &joined : query.joined) {
            if (joined.word == text[i]) {
                found.counts[joined.part] += 1;
                if (joined.part + 1 < parts)
                    found.counts[joined.part + 1] += 1;
                isMatch = true;
                hit = joined.part;
                wide = 2;
            }
        }
        if (isMatch) {
            found.first = std::min(found.first, i);
            found.last = i;
        }
        next = hit == next ? next + wide : hit == 0 ? wide : 0;
        if (next >= parts && isMatch) {
            if (found.phraseEnd == 0)
                found.phraseEnd = i + 1;
            next = 0;
        }
    }
    return found;
}

double covered(const std::vector<double> &counts)
{
    double sum = 0;
    for (const double count : counts)
        sum += count > 0 ? std::min(1.0, count) : 0;
    return counts.empty() ? 0 : sum / static_cast<double>(counts.size());
}

double share(std::size_t at, std::size_t length)
{
    return length == 0 ? 1 : static_cast<double>(at) / static_cast<double>(length);
}

} // namespace

const std::vector<std::string> &searchFeatureNames()
{
    static const std::vector<std::string> names = makeNames();
    return names;
}

SearchFeatures::SearchFeatures(const SearchCatalogue &catalogue, const Bm25Settings &settings,
                               QueryOptions options)
    : m_catalogue(catalogue), m_bm25(catalogue.index, settings), m_reader(catalogue.index, options)
{
    for (std::size_t f = 0; f < kSearchFields; ++f)
        m_meanLengths[f] = catalogue.index.meanLength(static_cast<SearchField>(f));
    const LatentSpace *const spaces[] = {&catalogue.text, &catalogue.names};
    for (std::size_t s = 0; s < 2; ++s) {
        m_groupSizes[s].assign(spaces[s]->groups, 0);
        for (const auto group : spaces[s]->group)
            m_groupSizes[s][group] += 1;
    }
}

std::vector<double> SearchFeatures::plain(const QueryContext &context, std::uint32_t product) const
{
    const auto &index = m_catalogue.index;
    const auto logOf = [](double x) { return exact::log(1 + std::max(0.0, x)); };
    const auto known = [&](const std::vector<float> &values) {
        return values.empty() || std::isnan(values[product])
                   ? std::nan("")
                   : logOf(static_cast<double>(values[product]));
    };
    double near = 0;
    if (!context.queryVector.empty())
        near = dot(vectorOf(m_catalogue.text, product), context.queryVector);
    return {known(m_catalogue.price),
            known(m_catalogue.popularity),
            logOf(index.length(product, SearchField::Names)),
            logOf(index.length(product, SearchField::Title)),
            logOf(index.length(product, SearchField::Description)),
            logOf(index.length(product, SearchField::Attributes)),
            near,
            context.unit > 0 ? context.bm25[product] / context.unit : 0};
}

void SearchFeatures::addFeedback(QueryContext &context) const
{
    const LatentSpace *const spaces[] = {&m_catalogue.text, &m_catalogue.names};
    for (const auto *space : spaces) {
        for (const std::size_t most : {std::size_t{10}, std::size_t{50}}) {
            std::vector<double> centre(space->dims, 0);
            for (std::size_t i = 0; i < std::min(most, context.matching); ++i) {
                const auto product = context.candidates[i];
                const auto vector = vectorOf(*space, product);
                for (std::size_t d = 0; d < space->dims; ++d)
                    centre[d] += context.bm25[product] * static_cast<double>(vector[d]);
            }
            normalise(centre);
            context.feedback.push_back(std::move(centre));
        }
    }
}

void SearchFeatures::addGroups(QueryContext &context) const
{
    const auto &index = m_catalogue.index;
    const auto n = index.products();
    const double parts = static_cast<double>(std::max<std::size_t>(1, context.query.parts.size()));
    // Per product: the share of the query's parts in its title, and in title or description.
    std::vector<float> inTitle(n, 0), inAny(n, 0), seen(n, 0);
    float stamp = 0;
    const auto mark = [&](std::size_t part) {
        const auto markWord = [&](std::uint32_t word, std::vector<float> &out, SearchField field) {
            for (const auto &posting : index.postings(word, field)) {
                if (seen[posting.product] != stamp) {
                    seen[posting.product] = stamp;
                    out[posting.product] += 1;
                }
            }
        };
        const auto each = [&](auto &&visit) {
            for (const auto &choice : context.query.parts[part].words)
                visit(choice.word);
            for (const auto &joined : context.query.joined) {
                if (joined.part == part || joined.part + 1 == part)
                    visit(joined.word);
            }
        };
        stamp += 1;
        each([&](std::uint32_t w) { markWord(w, inTitle, SearchField::Title); });
        stamp += 1;
        each([&](std::uint32_t w) { markWord(w, inAny, SearchField::Title); });
        each([&](std::uint32_t w) { markWord(w, inAny, SearchField::Description); });
    };
    for (std::size_t p = 0; p < context.query.parts.size(); ++p)
        mark(p);
    const LatentSpace *const spaces[] = {&m_catalogue.text, &m_catalogue.names};
    for (std::size_t s = 0; s < 2; ++s) {
        std::vector<double> title(spaces[s]->groups, 0), any(title), bm25(title);
        for (std::size_t p = 0; p < spaces[s]->group.size(); ++p) {
            const auto group = spaces[s]->group[p];
            title[group] += static_cast<double>(inTitle[p]) / parts;
            any[group] += static_cast<double>(inAny[p]) / parts;
            bm25[group] += context.bm25[p];
        }
        for (std::size_t g = 0; g < spaces[s]->groups; ++g) {
            const double size = std::max(1.0, m_groupSizes[s][g]);
            title[g] /= size;
            any[g] /= size;
            bm25[g] /= size * std::max(1e-9, context.unit);
        }
        context.groupShare.push_back(std::move(title));
        context.groupShare.push_back(std::move(any));
        context.groupBm25.push_back(std::move(bm25));
    }
    const double whole = static_cast<double>(std::count_if(
        inTitle.begin(), inTitle.end(), [&](float x) { return static_cast<double>(x) >= parts; }));
    context.shared.push_back(exact::log(1 + whole));
}

void SearchFeatures::addSpreads(QueryContext &context) const
{
    context.spreads.assign(kPlain, {});
    const auto over = std::min(kSpreadOver, context.matching);
    std::vector<std::vector<double>> values;
    for (std::size_t i = 0; i < over; ++i)
        values.push_back(plain(context, context.candidates[i]));
    for (std::size_t v = 0; v < kPlain; ++v) {
        double count = 0, sum = 0, squares = 0;
        for (const auto &row : values) {
            if (std::isnan(row[v]))
                continue;
            count += 1;
            sum += row[v];
            squares += row[v] * row[v];
        }
        if (count < 2)
            continue;
        const double mean = sum / count;
        const double variance = std::max(0.0, squares / count - mean * mean);
        context.spreads[v] = {mean, variance > 1e-12 ? exact::sqrt(variance) : 1.0};
    }
}

QueryContext SearchFeatures::context(std::string_view text, std::size_t most) const
{
    const auto &index = m_catalogue.index;
    QueryContext context;
    context.query = m_reader.read(text);
    context.unit = m_bm25.unit(context.query);
    context.bm25.assign(index.products(), 0);
    m_bm25.score(context.query, context.bm25);

    const auto byBm25 = [&](std::uint32_t a, std::uint32_t b) {
        return context.bm25[a] != context.bm25[b] ? context.bm25[a] > context.bm25[b] : a < b;
    };
    for (std::uint32_t p = 0; p < index.products(); ++p) {
        if (context.bm25[p] > 0)
            context.candidates.push_back(p);
    }
    context.matching = std::min(std::max(kMatched, most), context.candidates.size());
    std::partial_sort(context.candidates.begin(),
                      context.candidates.begin() + std::ptrdiff_t(context.matching),
                      context.candidates.end(), byBm25);
    context.candidates.resize(context.matching);
    context.bestBm25 = context.matching > 0 ? context.bm25[context.candidates.front()] : 0;

    const auto &space = m_catalogue.text;
    const auto vectors = space.dims == 0 ? 0 : space.words.size() / space.dims;
    std::vector<double> vector(space.dims, 0);
    bool has = false;
    const auto addWord = [&](std::uint32_t word, double weight) {
        if (word >= vectors)
            return;
        has = true;
        for (std::size_t d = 0; d < space.dims; ++d)
            vector[d] +=
                weight * m_bm25.idf(word) * static_cast<double>(space.words[word * space.dims + d]);
    };
    for (const auto &part : context.query.parts) {
        for (const auto &choice : part.words)
            addWord(choice.word, choice.weight);
    }
    for (const auto &joined : context.query.joined)
        addWord(joined.word, 1);
    if (has && context.matching > 0) {
        normalise(vector);
        context.queryVector = std::move(vector);
        std::vector<std::pair<double, std::uint32_t>> near(index.products());
        for (std::uint32_t p = 0; p < near.size(); ++p)
            near[p] = {-dot(vectorOf(space, p), context.queryVector), p};
        const auto nearest = std::min(kNearest, near.size());
        std::partial_sort(near.begin(), near.begin() + std::ptrdiff_t(nearest), near.end());
        auto found = context.candidates;
        std::sort(found.begin(), found.end());
        for (std::size_t i = 0; i < nearest; ++i) {
            if (!std::binary_search(found.begin(), found.end(), near[i].second))
                context.candidates.push_back(near[i].second);
        }
    }
    addFeedback(context);

    double sum = 0, least = 0;
    std::size_t known = 0;
    bool hasSupplier = false;
    for (const auto &part : context.query.parts) {
        if (part.words.empty())
            continue;
        const auto word = part.words.front().word;
        const double idf = m_bm25.idf(word);
        least = known == 0 ? idf : std::min(least, idf);
        sum += idf;
        ++known;
        hasSupplier = hasSupplier || index.postings(word, SearchField::Supplier).size() > 4;
    }
    const bool hasDigits = text.find_first_of("0123456789") != std::string_view::npos;
    context.shared = {
        static_cast<double>(context.query.parts.size()), static_cast<double>(context.query.unknown),
        known > 0 ? sum / static_cast<double>(known) : 0, least, hasDigits ? 1.0 : 0.0};
    addGroups(context);
    context.shared.push_back(hasSupplier ? 1.0 : 0.0);
    addSpreads(context);
    return context;
}

void SearchFeatures::features(const QueryContext &context, std::uint32_t product,
                              std::span<float> out) const
{
    std::size_t at = 0;
    const auto put = [&](double value) { out[at++] = static_cast<float>(value); };
    const auto &index = m_catalogue.index;
    const auto &query = context.query;
    const double bm25 = context.bm25[product];
    put(context.unit > 0 ? bm25 / context.unit : 0);
    put(context.bestBm25 > 0 ? bm25 / context.bestBm25 : 0);

    std::vector<double> anywhere(query.parts.size(), 0);
    Matches title, description;
    for (const auto field : kScanned) {
        const auto text = index.text(product, field);
        auto found = matchesIn(query, text);
        const double mean = m_meanLengths[static_cast<std::size_t>(field)];
        const double length = mean > 0 ? static_cast<double>(text.size()) / mean : 1;
        double score = 0;
        for (std::size_t p = 0; p < query.parts.size(); ++p) {
            anywhere[p] += found.counts[p];
            if (found.counts[p] > 0 && !query.parts[p].words.empty())
                score += m_bm25.idf(query.parts[p].words.front().word) * found.counts[p] * 2.2
                         / (found.counts[p] + 1.2 * (0.25 + 0.75 * length));
        }
        put(context.unit > 0 ? score / context.unit : 0);
        put(covered(found.counts));
        if (field == SearchField::Title)
            title = std::move(found);
        else if (field == SearchField::Description)
            description = std::move(found);
    }
    put(covered(anywhere));
    const auto titleLength = index.length(product, SearchField::Title);
    const auto descriptionLength = index.length(product, SearchField::Description);
    constexpr std::size_t kFar = 30;
    put(static_cast<double>(std::min(title.first, kFar)) / static_cast<double>(kFar));
    put(title.first == SIZE_MAX ? 1 : share(title.first, titleLength));
    put(title.last == SIZE_MAX ? 0 : share(title.last + 1, titleLength));
    put(title.phraseEnd > 0 ? 1 : 0);
    put(title.phraseEnd > 0 ? share(title.phraseEnd, titleLength) : 0);
    put(description.first == SIZE_MAX ? 1 : share(description.first, descriptionLength));
    put(description.phraseEnd > 0 ? 1 : 0);

    const auto values = plain(context, product);
    for (std::size_t v = 0; v < kPlain; ++v)
        put(std::isnan(values[v]) ? context.spreads[v].mean : values[v]);
    for (std::size_t v = 0; v < kPlain; ++v) {
        const auto &spread = context.spreads[v];
        const double z = std::isnan(values[v]) ? 0 : (values[v] - spread.mean) / spread.deviation;
        put(std::clamp(z, -4.0, 4.0));
    }
    const LatentSpace *const spaces[] = {&m_catalogue.text, &m_catalogue.names};
    for (std::size_t s = 0; s < 2; ++s) {
        for (std::size_t i = 0; i < 2; ++i) {
            put(spaces[s]->dims == 0
                    ? 0
                    : dot(vectorOf(*spaces[s], product), context.feedback[2 * s + i]));
        }
    }
    for (std::size_t s = 0; s < 2; ++s) {
        for (std::size_t i = 0; i < 2; ++i) {
            put(spaces[s]->groups == 0 ? 0
                                       : context.groupShare[2 * s + i][spaces[s]->group[product]]);
        }
    }
    for (std::size_t s = 0; s < 2; ++s)
        put(spaces[s]->groups == 0 ? 0 : context.groupBm25[s][spaces[s]->group[product]]);
    put(spaces[1]->groups == 0
            ? 0
            : covered(title.counts) - context.groupShare[2][spaces[1]->group[product]]);
    for (const double value : context.shared)
        put(value);
}

} // namespace engine
