#include "ui/models/registry_model.h"

#include "ui/session/words.h"

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

std::optional<double> metric(const engine::ModelSummary &model, const char *name)
{
    const auto at = model.metrics.find(name);
    return at == model.metrics.end() ? std::nullopt : std::optional(at->second);
}

} // namespace

StateWord modelWord(const std::string &state)
{
    if (state == "serving")
        return {RegistryModel::tr("serving"), QStringLiteral("check"), Tone::Ok};
    if (state == "canary")
        return {RegistryModel::tr("canary"), QStringLiteral("live"), Tone::Accent};
    if (state == "signed")
        return {RegistryModel::tr("signed"), QStringLiteral("models"), Tone::Plain};
    if (state == "held")
        return {RegistryModel::tr("held at the gate"), QStringLiteral("warning"), Tone::Warning};
    if (state == "revoked")
        return {RegistryModel::tr("revoked"), QStringLiteral("cross"), Tone::Danger};
    return {RegistryModel::tr("retired"), QStringLiteral("rollback"), Tone::Muted};
}

RegistryModel::RegistryModel(QObject *parent) : QAbstractTableModel(parent) {}

void RegistryModel::show(std::vector<engine::ModelSummary> models)
{
    const bool sameRows =
        std::equal(models.begin(), models.end(), m_models.begin(), m_models.end(),
                   [](const auto &a, const auto &b) { return a.version == b.version; });
    if (!sameRows) {
        beginResetModel();
        m_models = std::move(models);
        endResetModel();
        return;
    }
    m_models.swap(models);
    for (int row = 0; row < rowCount(); ++row)
        for (int column = 0; column < ColumnCount; ++column)
            if (!(cell(models[static_cast<std::size_t>(row)], column)
                  == cell(m_models[static_cast<std::size_t>(row)], column)))
                Q_EMIT dataChanged(index(row, column), index(row, column));
}

const engine::ModelSummary *RegistryModel::at(int row) const
{
    return row >= 0 && row < rowCount() ? &m_models[static_cast<std::size_t>(row)] : nullptr;
}

int RegistryModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_models.size());
}

int RegistryModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

Cell RegistryModel::cell(const engine::ModelSummary &model, int column) const
{
    switch (column) {
    case Version:
        return {.text = tr("version %1").arg(qs(model.version)), .second = qs(model.family)};
    case State: {
        const auto word = modelWord(model.state);
        return {.text = word.word,
                .icon = word.icon,
                .second = model.isReference  ? tr("the reference")
                          : model.isPrevious ? tr("a roll back leads here")
                                             : QString(),
                .tone = word.tone};
    }
    case Ndcg: {
        const auto value = metric(model, "ndcg@10");
        return {.text = value ? numberText(*value, 4) : QStringLiteral("–"), .number = true};
    }
    case AgainstReference: {
        const auto reference =
            std::find_if(m_models.begin(), m_models.end(),
                         [](const engine::ModelSummary &each) { return each.isReference; });
        const auto value = metric(model, "ndcg@10");
        const auto base =
            reference == m_models.end() ? std::nullopt : metric(*reference, "ndcg@10");
        if (!value || !base || *base <= 0 || model.isReference)
            return {.text = QStringLiteral("–"), .tone = Tone::Muted, .number = true};
        return {.text = tr("%1 %").arg(numberText(100 * (*value / *base - 1), 1)), .number = true};
    }
    case Took: {
        const auto value = metric(model, "training seconds");
        return {.text = value ? tr("%1 s").arg(numberText(*value, 1)) : QStringLiteral("–"),
                .number = true};
    }
    case Digest:
        return {.text = qs(model.digest).left(12), .tone = Tone::Muted, .fixed = true};
    }
    return {};
}

QVariant RegistryModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid())
        return {};
    const Cell value = cell(m_models[static_cast<std::size_t>(index.row())], index.column());
    if (role == kCellRole)
        return QVariant::fromValue(value);
    if (role == Qt::ToolTipRole && index.column() == Digest)
        return qs(m_models[static_cast<std::size_t>(index.row())].digest);
    if (role == Qt::DisplayRole || role == Qt::ToolTipRole)
        return value.text;
    return {};
}

QVariant RegistryModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section >= ColumnCount)
        return {};
    const bool right = section == Ndcg || section == AgainstReference || section == Took;
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    const QString names[ColumnCount] = {tr("Version"),      tr("State"), tr("NDCG@10"),
                                        tr("To reference"), tr("Took"),  tr("Digest")};
    return names[section];
}

} // namespace ui
