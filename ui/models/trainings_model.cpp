#include "ui/models/trainings_model.h"

#include "ui/session/training_facts.h"
#include "ui/session/words.h"

#include <QFileInfo>

#include <algorithm>

namespace ui {

TrainingsModel::TrainingsModel(QObject *parent) : QAbstractTableModel(parent) {}

TrainingsModel::Row TrainingsModel::row(engine::TrainingSummary training)
{
    Row row;
    const auto word = trainingWord(training);
    row.cells[State] = {.text = word.word, .icon = word.icon, .tone = word.tone};
    const QString none = QStringLiteral("–");
    row.cells[Figure] = {.text = none, .number = true};
    row.cells[Took] = {.text = none, .number = true};
    if (const auto *view = trainingOf(training)) {
        row.cells[Run] = {
            .text = qs(view->started.name), .second = aboutText(*view), .strong = true};
        if (view->state == engine::TrainingState::Finished)
            row.cells[Progress] = {.text = QStringLiteral("100 %"), .tone = Tone::Ok, .share = 1};
        else if (view->progress.part >= 0)
            row.cells[Progress] = {.text = tr("%1 %").arg(numberText(100 * view->progress.part, 0)),
                                   .tone = word.tone,
                                   .share = view->progress.part};
        if (const auto figure = mainFigure(*view))
            row.cells[Figure].text = numberText(figure->value, 4);
        row.cells[Took].text = spanText(view->progress.worked);
    } else {
        row.cells[Run] = {.text = QFileInfo(qs(training.recording)).completeBaseName(),
                          .second = qs(training.problem)};
    }
    row.training = std::move(training);
    return row;
}

void TrainingsModel::show(std::vector<engine::TrainingSummary> trainings)
{
    const bool sameRows = trainings.size() == m_rows.size()
                          && std::equal(trainings.begin(), trainings.end(), m_rows.begin(),
                                        [](const auto &a, const Row &b) {
                                            return a.recording == b.training.recording;
                                        });
    if (!sameRows) {
        beginResetModel();
        m_rows.clear();
        for (auto &training : trainings)
            m_rows.push_back(row(std::move(training)));
        endResetModel();
        return;
    }
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        auto next = row(std::move(trainings[i]));
        const bool changed = next.cells != m_rows[i].cells;
        m_rows[i] = std::move(next);
        if (changed) {
            const int at = static_cast<int>(i);
            Q_EMIT dataChanged(index(at, 0), index(at, ColumnCount - 1));
        }
    }
}

const engine::TrainingSummary *TrainingsModel::training(int row) const
{
    if (row < 0 || row >= rowCount())
        return nullptr;
    return &m_rows[static_cast<std::size_t>(row)].training;
}

int TrainingsModel::rowOf(const std::string &recording) const
{
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        if (m_rows[i].training.recording == recording)
            return static_cast<int>(i);
    return -1;
}

int TrainingsModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int TrainingsModel::columnCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant TrainingsModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid())
        return {};
    const auto &row = m_rows[static_cast<std::size_t>(index.row())];
    const Cell &cell = row.cells[static_cast<std::size_t>(index.column())];
    if (role == kCellRole)
        return QVariant::fromValue(cell);
    if (role == Qt::DisplayRole)
        return cell.text;
    if (role == Qt::ToolTipRole) {
        const auto *view = trainingOf(row.training);
        if (index.column() == Figure && view) {
            const auto figure = mainFigure(*view);
            return figure ? figure->name : QString();
        }
        if (index.column() == State && view && !view->ended.detail.empty())
            return qs(view->ended.detail);
        return cell.second.isEmpty() ? cell.text : cell.text + QLatin1Char('\n') + cell.second;
    }
    return {};
}

QVariant TrainingsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section >= ColumnCount)
        return {};
    const bool right = section == Figure || section == Took;
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role != Qt::DisplayRole)
        return {};
    const QString names[ColumnCount] = {tr("Training"), tr("State"), tr("Progress"), tr("Figure"),
                                        tr("Worked")};
    return names[section];
}

} // namespace ui
