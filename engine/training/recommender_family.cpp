#include "engine/training/recommender_family.h"

#include "engine/model/popularity.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/recommend_file.h"
#include "engine/training/recommender_data.h"

#include <unordered_map>

namespace engine {
namespace {

std::string counted(std::uint64_t number, const char *what)
{
    return std::to_string(number) + ' ' + what;
}

/// Item numbers of the model that is trained further, new items behind them.
Dataset renumbered(const Dataset &data, const ItemIds &ids)
{
    Dataset out = data;
    out.itemIds.clear();
    out.itemTitles.assign(ids.size(), {});
    for (std::size_t i = 0; i < ids.size(); ++i)
        out.itemIds.push_back(ids.name(i));
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = 0; i < data.itemIds.size(); ++i) {
        auto number = ids.number(data.itemIds[i]);
        if (number < 0) {
            number = static_cast<std::int64_t>(out.itemIds.size());
            out.itemIds.push_back(data.itemIds[i]);
            out.itemTitles.emplace_back();
        }
        out.itemTitles[static_cast<std::size_t>(number)] = data.itemTitles[i];
        numbers.push_back(static_cast<std::uint32_t>(number));
    }
    out.items = static_cast<std::uint32_t>(out.itemIds.size());
    for (auto &event : out.events)
        event = numbers[event];
    return out;
}

Result<Dataset> readValid(const Dataset &train, const InputFile &file, TrainMonitor &monitor)
{
    const auto valid = readEvents(file, monitor);
    if (!valid)
        return tl::unexpected(valid.error());
    std::unordered_map<std::string_view, std::int64_t> numbers;
    for (std::size_t i = 0; i < train.itemIds.size(); ++i)
        numbers.emplace(train.itemIds[i], static_cast<std::int64_t>(i));
    const auto aligned = align(
        *valid, train.items,
        [&](std::string_view id) {
            const auto at = numbers.find(id);
            return at == numbers.end() ? -1 : at->second;
        },
        &train.shopperIds);
    if (aligned.data.events.empty())
        return fail(ErrorCode::InvalidInput,
                    "No shopper with a known item of the validation file stands in the training "
                    "file; both need the same ids",
                    file.path.string());
    if (aligned.unknownItems > 0)
        monitor.note(counted(aligned.unknownItems,
                             "items of the validation file are not in the training file and were "
                             "left out"));
    if (aligned.unknownShoppers > 0)
        monitor.note(counted(aligned.unknownShoppers,
                             "shoppers of the validation file are not in the training file and "
                             "were left out"));
    if (const auto leaked = commonPairs(train, aligned.data); leaked > 0)
        monitor.note("warning: "
                     + counted(leaked, "pairs of the validation file stand in the training file, "
                                       "too: what is judged must not be learned from"));
    return aligned.data;
}

Result<> checkFamily(const Package &package, const std::string &name)
{
    if (package.manifest.family == name)
        return {};
    return fail(ErrorCode::InvalidInput,
                "The package is of the family " + package.manifest.family + ", not of " + name);
}

struct Opened
{
    std::unique_ptr<FullScorer> scorer;
    ItemIds ids;
};

Result<Opened> openModel(const Package &package, const std::string &name)
{
    DR_RETURN_IF_ERROR(checkFamily(package, name));
    auto scorer = openFullScorer(package);
    if (!scorer)
        return tl::unexpected(scorer.error());
    auto ids = ItemIds::of(package, (*scorer)->items());
    if (!ids)
        return tl::unexpected(ids.error());
    return Opened{std::move(*scorer), std::move(*ids)};
}

} // namespace

std::string recommenderFormats()
{
    return "  formats  pairs  'user item [time]' lines;  lists  'user item item ...' lines, oldest "
           "first;\n"
           "           csv  with a header and --columns user=NAME,item=NAME[,time=NAME,value=NAME,"
           "order=NAME,\n"
           "           price=NAME,title=NAME]. Without --format it is told from the name and the "
           "first lines.\n"
           "           Ids are any text. --valid has the same ids: what came next, for early "
           "stopping.\n";
}

Result<TrainedModel> RecommenderFamily::train(const TrainOrder &order, TrainMonitor &monitor) const
{
    auto data = readEvents(order.train, monitor);
    if (!data)
        return tl::unexpected(data.error());
    if (order.initial) {
        const auto before = openModel(*order.initial, name());
        if (!before)
            return tl::unexpected(before.error());
        *data = renumbered(*data, before->ids);
        if (const auto added = data->itemIds.size() - before->ids.size(); added > 0)
            monitor.note(counted(added, "items are new to the model"));
    }
    Dataset valid;
    if (order.valid) {
        auto read = readValid(*data, *order.valid, monitor);
        if (!read)
            return tl::unexpected(read.error());
        valid = std::move(*read);
    }
    auto model = trainOn(*data, valid, order, monitor);
    if (!model)
        return model;
    model->files[kItemsFile] = itemsFile(data->itemIds);
    if (model->manifest.featureSchema.empty())
        model->manifest.featureSchema = featureSchema(data->itemIds);
    return model;
}

Result<Evaluation> RecommenderFamily::evaluate(const Package &package, const EvalOrder &order,
                                               TrainMonitor &monitor) const
{
    const auto opened = openModel(package, name());
    if (!opened)
        return tl::unexpected(opened.error());
    if (!order.train)
        return fail(ErrorCode::Usage,
                    "A recommender is judged on what comes after a history: give it with --train "
                    "FILE");
    const auto train = readEvents(*order.train, monitor);
    if (!train)
        return tl::unexpected(train.error());
    const auto test = readEvents(order.test, monitor);
    if (!test)
        return tl::unexpected(test.error());
    const auto number = [&](std::string_view id) { return opened->ids.number(id); };
    // Those of the history first, then those whom only the test knows.
    auto shoppers = train->shopperIds;
    {
        const std::unordered_map<std::string_view, int> known = [&] {
            std::unordered_map<std::string_view, int> names;
            for (const auto &name : train->shopperIds)
                names.emplace(name, 0);
            return names;
        }();
        for (const auto &name : test->shopperIds) {
            if (!known.contains(name))
                shoppers.push_back(name);
        }
    }
    const auto items = opened->scorer->items();
    const auto history = align(*train, items, number, &shoppers);
    auto wanted = align(*test, items, number, &shoppers);
    EvaluateOptions options;
    options.threads = static_cast<unsigned>(std::max(1, order.threads));
    options.missed = std::move(wanted.missed);
    options.progress = [&](double part) { monitor.progress("ranking all items", part); };
    options.stop = monitor.stop();
    const auto leaked = commonPairs(history.data, wanted.data);
    auto evaluation =
        engine::evaluate(*opened->scorer, history.data, wanted.data, monitor.clock(), options);
    if (!evaluation)
        return evaluation;
    auto &counts = evaluation->counts;
    counts["users without a history"] = shoppers.size() - train->shopperIds.size();
    counts["unknown test items"] = wanted.unknownItems;
    counts["test events on unknown items, counted as missed"] = wanted.unknownEvents;
    counts["unknown history items, ignored"] = history.unknownItems;
    std::erase_if(counts, [](const auto &count) { return count.second == 0; });
    if (leaked > 0)
        monitor.note("warning: "
                     + counted(leaked, "pairs of the test stand in the history, too; they are "
                                       "masked and left out of the figures"));
    if (evaluation->users == 0)
        return fail(ErrorCode::InvalidInput,
                    "Nothing is left to judge: every test item stands in its shopper's history",
                    order.test.path.string());
    return evaluation;
}

Result<Answered> RecommenderFamily::answer(const Package &package, const AnswerOrder &order,
                                           TrainMonitor &monitor) const
{
    if (order.kind != Answer::Recommend)
        return fail(ErrorCode::InvalidInput,
                    "The package is of the family " + package.manifest.family
                        + ", which recommends: drillctl recommend --model PACKAGE --histories FILE "
                          "--out FILE");
    const auto opened = openModel(package, name());
    if (!opened)
        return tl::unexpected(opened.error());
    return recommendFile(*opened->scorer, opened->ids, order, monitor);
}

} // namespace engine
