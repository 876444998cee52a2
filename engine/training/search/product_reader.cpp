#include "engine/training/search/product_reader.h"

#include "engine/data/csv_reader.h"
#include "engine/data/field.h"
#include "engine/model/strict_json.h"

#include <algorithm>
#include <array>
#include <limits>

namespace engine {
namespace {

constexpr std::uint64_t kLongestRow = 1 << 20;
constexpr std::uint64_t kRowsPerProgress = 4096;

struct Role
{
    const char *name;
    std::vector<const char *> guesses; ///< lower case, the likeliest first
};

const std::vector<Role> &roles()
{
    static const std::vector<Role> all{
        {"item", {"id", "item", "item_id", "product_id", "upc", "sku", "doc", "asin", "ean"}},
        {"title", {"title", "name", "product_title", "product_name", "item_name"}},
        {"description", {"short_description", "description", "desc", "summary", "text"}},
        {"long-text", {"long_description", "body", "details", "full_description"}},
        {"supplier", {"supplier", "brand", "manufacturer", "vendor"}},
        {"category", {"category", "categories", "product_type", "type", "department", "class"}},
        {"price", {"price", "list_price"}},
        {"popularity", {"popularity", "sales", "sold", "rating_count", "reviews"}}};
    return all;
}

std::optional<SearchField> fieldOf(std::string_view role)
{
    constexpr std::array kFields{SearchField::Title, SearchField::Description,
                                 SearchField::LongText, SearchField::Supplier,
                                 SearchField::Category};
    for (const auto field : kFields) {
        if (searchFieldName(field) == role)
            return field;
    }
    return std::nullopt;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

/// Which role each column has; columns that nobody claims have none.
Result<std::map<std::string, std::string>> assign(const std::vector<std::string> &columns,
                                                  const std::map<std::string, std::string> &told,
                                                  const std::string &place)
{
    std::map<std::string, std::string> byRole;
    for (const auto &role : roles()) {
        if (const auto named = told.find(role.name); named != told.end()) {
            if (std::find(columns.begin(), columns.end(), named->second) == columns.end())
                return fail(ErrorCode::InvalidInput,
                            "There is no column '" + named->second + "' for " + role.name, place);
            byRole[role.name] = named->second;
            continue;
        }
        for (const auto *guess : role.guesses) {
            const auto at = std::find_if(columns.begin(), columns.end(),
                                         [&](const auto &c) { return lower(c) == guess; });
            if (at != columns.end()) {
                byRole.emplace(role.name, *at);
                break;
            }
        }
    }
    if (!byRole.contains("item"))
        return fail(ErrorCode::InvalidInput,
                    "No column tells products apart; name it, for instance --columns item=upc",
                    place);
    return byRole;
}

/// Collects products; the two readers feed it.
class Collector
{
public:
    explicit Collector(Plurals plurals) : m_builder(plurals) {}

    void begin()
    {
        m_product = {};
        m_price = m_popularity = kUnknown;
    }
    void role(const std::string &role, std::string_view text)
    {
        if (role == "item")
            m_product.id = cleanText(identifier(text));
        else if (const auto field = fieldOf(role))
            append(*field, text);
        else if (const auto number = numberOf(trimmed(text)))
            (role == "price" ? m_price : m_popularity) = static_cast<float>(*number);
    }
    void attribute(std::string_view name, std::string_view text)
    {
        auto &names = m_product.fields[static_cast<std::size_t>(SearchField::Names)];
        names += cleanText(name);
        names += '\n';
        append(SearchField::Attributes, text);
    }
    void end()
    {
        if (m_product.id.empty()) {
            ++dropped;
        } else if (m_builder.add(m_product)) {
            price.push_back(m_price);
            popularity.push_back(m_popularity);
        } else {
            ++repeated;
        }
    }
    Result<SearchIndex> finish() { return m_builder.finish(); }

    std::vector<float> price, popularity;
    std::uint64_t repeated = 0, dropped = 0;

private:
    static constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
    void append(SearchField field, std::string_view text)
    {
        auto &to = m_product.fields[static_cast<std::size_t>(field)];
        if (!to.empty() && !text.empty())
            to += " . ";
        to += text;
    }
    SearchIndex::Builder m_builder;
    ProductText m_product;
    float m_price = kUnknown, m_popularity = kUnknown;
};

std::string scalarText(const nlohmann::json &value)
{
    if (value.is_string())
        return value.get<std::string>();
    if (value.is_number_integer() || value.is_number_unsigned() || value.is_number_float())
        return value.dump();
    return {};
}

void addMember(Collector &to, const std::map<std::string, std::string> &roleOf,
               const std::string &name, const nlohmann::json &value)
{
    const auto role = roleOf.find(name);
    if (role != roleOf.end() && !value.is_structured()) {
        to.role(role->second, scalarText(value));
    } else if (value.is_object()) {
        for (const auto &[inner, content] : value.items())
            addMember(to, {}, inner, content);
    } else if (value.is_array()) {
        std::string text;
        for (const auto &part : value)
            text += scalarText(part) + " . ";
        if (role != roleOf.end())
            to.role(role->second, text);
        else
            to.attribute(name, text);
    } else if (!value.is_null()) {
        // Bare numbers would match every digit of a query; their name alone says what there is.
        to.attribute(name, value.is_string() ? value.get<std::string>() : std::string());
    }
}

Result<> readLines(const std::filesystem::path &path,
                   const std::map<std::string, std::string> &columns, Collector &to,
                   std::map<std::string, std::string> &taken, TrainMonitor &monitor)
{
    auto source = TextSource::open(path);
    if (!source)
        return tl::unexpected(source.error());
    std::string line;
    std::map<std::string, std::string> roleOf;
    for (std::uint64_t number = 1;; ++number) {
        line.clear();
        int byte = source->next();
        while (byte >= 0 && byte != '\n') {
            line += static_cast<char>(byte);
            if (line.size() > kLongestRow)
                return source->broken("This line is longer than 1 MiB; write one product per line",
                                      number, 1);
            byte = source->next();
        }
        if (byte == TextSource::kFault)
            return tl::unexpected(source->error());
        if (!trimmed(line).empty()) {
            const auto place = path.string() + ":" + std::to_string(number);
            const auto object = parseStrictJson(
                {reinterpret_cast<const std::uint8_t *>(line.data()), line.size()}, place);
            if (!object)
                return tl::unexpected(object.error());
            if (roleOf.empty()) {
                std::vector<std::string> names;
                for (const auto &[name, value] : object->items())
                    names.push_back(name);
                // A column told by name may be missing from the first product.
                for (const auto &[role, name] : columns)
                    names.push_back(name);
                auto byRole = assign(names, columns, place);
                if (!byRole)
                    return tl::unexpected(byRole.error());
                taken = *byRole;
                for (const auto &role : roles()) {
                    const auto at = taken.find(role.name);
                    if (at != taken.end())
                        roleOf[at->second] = role.name;
                    else if (!columns.contains(role.name))
                        roleOf.emplace(role.guesses.front(), role.name); // in later products
                }
            }
            to.begin();
            for (const auto &[name, value] : object->items())
                addMember(to, roleOf, name, value);
            to.end();
        }
        if (byte == TextSource::kEnd)
            return {};
        if (number % kRowsPerProgress == 0) {
            monitor.progress("reading products", -1);
            if (monitor.stop().stop_requested())
                return fail(ErrorCode::Halted, "Stopped while reading products");
        }
    }
}

Result<> readCsv(const std::filesystem::path &path,
                 const std::map<std::string, std::string> &columns, Collector &to,
                 std::map<std::string, std::string> &taken, TrainMonitor &monitor)
{
    auto reader = CsvReader::open(path, kLongestRow);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto &header = reader->header();
    auto sorted = header;
    std::sort(sorted.begin(), sorted.end());
    if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
        return fail(ErrorCode::InvalidInput,
                    "The column '" + *twice + "' stands twice in the header", path.string() + ":1");
    auto byRole = assign(header, columns, path.string() + ":1");
    if (!byRole)
        return tl::unexpected(byRole.error());
    taken = *byRole;
    std::vector<std::string> roleAt(header.size());
    for (const auto &[role, column] : taken)
        roleAt[static_cast<std::size_t>(std::find(header.begin(), header.end(), column)
                                        - header.begin())] = role;
    std::vector<std::string> row;
    for (std::uint64_t number = 1;; ++number) {
        const auto more = reader->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            return {};
        if (row.size() != header.size()) {
            ++to.dropped;
            continue;
        }
        to.begin();
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (!roleAt[i].empty())
                to.role(roleAt[i], row[i]);
            else if (!trimmed(row[i]).empty())
                to.attribute(header[i], numberOf(trimmed(row[i])) ? std::string_view() : row[i]);
        }
        to.end();
        if (number % kRowsPerProgress == 0) {
            monitor.progress("reading products", -1);
            if (monitor.stop().stop_requested())
                return fail(ErrorCode::Halted, "Stopped while reading products");
        }
    }
}

} // namespace

Result<ReadProducts> readProducts(const std::filesystem::path &path, const std::string &format,
                                  const std::map<std::string, std::string> &columns,
                                  Plurals plurals, TrainMonitor &monitor)
{
    const auto ending = lower(path.extension().string());
    const bool isJson =
        format == "jsonl"
        || (format.empty() && (ending == ".jsonl" || ending == ".json" || ending == ".ndjson"));
    if (!isJson && !format.empty() && format != "csv")
        return fail(ErrorCode::Usage, "Products are read as jsonl or csv, not as " + format);
    Collector collector(plurals);
    std::map<std::string, std::string> taken;
    DR_RETURN_IF_ERROR(isJson ? readLines(path, columns, collector, taken, monitor)
                              : readCsv(path, columns, collector, taken, monitor));
    auto index = collector.finish();
    if (!index)
        return fail(index.error().code, index.error().message, path.string());
    ReadProducts out{
        std::move(*index),  std::move(collector.price), std::move(collector.popularity),
        collector.repeated, collector.dropped,          std::move(taken)};
    return out;
}

} // namespace engine
