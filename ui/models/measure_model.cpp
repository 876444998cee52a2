#include "ui/models/measure_model.h"

#include "ui/session/run_facts.h"

namespace ui {

namespace {

QString measureName(const std::string &name)
{
    if (name == "rto")
        return MeasureModel::tr("RTO");
    if (name == "rpo")
        return MeasureModel::tr("RPO");
    if (name == "budget")
        return MeasureModel::tr("Budget");
    if (name == "quality")
        return MeasureModel::tr("Quality floor");
    if (name == "detect")
        return MeasureModel::tr("Detect");
    if (name == "undo")
        return MeasureModel::tr("Undo");
    if (name == "alarms")
        return MeasureModel::tr("Alarms");
    if (name == "responses")
        return MeasureModel::tr("Responses");
    return qs(name);
}

QString measureMeaning(const std::string &name)
{
    if (name == "rto")
        return MeasureModel::tr("impact to steady, longest");
    if (name == "rpo")
        return MeasureModel::tr("acknowledged events lost");
    if (name == "budget")
        return MeasureModel::tr("failed and late, of all");
    if (name == "quality")
        return MeasureModel::tr("earned of expected");
    if (name == "detect")
        return MeasureModel::tr("inject to alert");
    if (name == "undo")
        return MeasureModel::tr("effect gone, by probe");
    if (name == "alarms")
        return MeasureModel::tr("alerts in the run");
    if (name == "responses")
        return MeasureModel::tr("responses in the run");
    return {};
}

} // namespace

QString ruleWords(const std::string &rule)
{
    const QString text = qs(rule);
    if (text.startsWith(QLatin1String("<= ")))
        return MeasureModel::tr("at most %1").arg(text.mid(3));
    if (text.startsWith(QLatin1String(">= ")))
        return MeasureModel::tr("at least %1").arg(text.mid(3));
    if (text.startsWith(QLatin1String("< ")))
        return MeasureModel::tr("below %1").arg(text.mid(2));
    if (text.startsWith(QLatin1String("> ")))
        return MeasureModel::tr("above %1").arg(text.mid(2));
    return text;
}

QString measuredText(const engine::Measure &measure)
{
    if (!measure.value)
        return MeasureModel::tr("not reached");
    const double value = *measure.value;
    if (measure.unit == "s")
        return MeasureModel::tr("%1 s").arg(numberText(value, 1));
    if (measure.unit == "ms")
        return MeasureModel::tr("%1 ms").arg(numberText(value, 0));
    if (measure.name == "quality" || measure.name.find("quality") != std::string::npos)
        return numberText(value, 3);
    if (measure.unit == "share")
        return MeasureModel::tr("%1 %").arg(numberText(value * 100, 2));
    return numberText(value,
                      value == static_cast<double>(static_cast<std::int64_t>(value)) ? 0 : 2);
}

MeasureModel::MeasureModel(QObject *parent) : QAbstractTableModel(parent) {}

void MeasureModel::show(const std::vector<engine::Measure> &measures)
{
    std::vector<std::array<Cell, ColumnCount>> rows;
    for (const auto &measure : measures) {
        std::array<Cell, ColumnCount> row;
        row[Measure] = {.text = measureName(measure.name),
                        .second = measureMeaning(measure.name),
                        .strong = true};
        row[Rule] = {.text = ruleWords(measure.rule)};
        row[Measured] = {.text = measuredText(measure),
                         .second =
                             measure.detail.empty() ? QStringLiteral(" ") : qs(measure.detail),
                         .number = true,
                         .strong = true};
        if (measure.limitUsed) {
            const double used = *measure.limitUsed;
            row[LimitUsed] = {.text = tr("%1 %").arg(numberText(100 * used, 0)),
                              .tone =
                                  used > 1 ? Tone::Danger : (used > 0.9 ? Tone::Warning : Tone::Ok),
                              .share = used};
        } else {
            row[LimitUsed] = {.text = tr("no slack to use"), .tone = Tone::Muted};
        }
        const StateWord word = verdictWord(measure.verdict);
        row[Verdict] = {.text = word.word, .icon = word.icon, .tone = word.tone};
        rows.push_back(std::move(row));
    }
    if (rows == m_rows)
        return;
    beginResetModel();
    m_rows = std::move(rows);
    endResetModel();
}

int MeasureModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int MeasureModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant MeasureModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid())
        return {};
    const auto &cell =
        m_rows[static_cast<std::size_t>(index.row())][static_cast<std::size_t>(index.column())];
    if (role == kCellRole)
        return QVariant::fromValue(cell);
    if (role == Qt::DisplayRole)
        return cell.text;
    if (role == Qt::ToolTipRole)
        return cell.second;
    return {};
}

QVariant MeasureModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole || section >= ColumnCount)
        return {};
    const QString names[ColumnCount] = {tr("Measure"), tr("Rule"), tr("Measured"), tr("Limit used"),
                                        tr("Verdict")};
    return names[section];
}

} // namespace ui
