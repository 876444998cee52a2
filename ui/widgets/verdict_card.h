#pragma once
// How a run came out: the word, one sentence for people who were not there, the measures.

#include "ui/session/run_facts.h"

#include <QFrame>

class QLabel;
class QPushButton;
class QTableView;

namespace ui {

class MeasureModel;
class VerdictBadge;

class VerdictCard : public QFrame
{
    Q_OBJECT
public:
    explicit VerdictCard(QWidget *parent = nullptr);
    void show(const engine::Verdict &verdict);
    /// One line about the recording itself, with its tone of trust. Cheap when it stays the same.
    void setSeal(const QString &seal, bool sound);
    void setCanRerun(bool can);

Q_SIGNALS:
    void rerunAsked();
    void reportAsked();
    void reasonAsked(); ///< go to where the first rule broke

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    VerdictBadge *m_badge = nullptr;
    QLabel *m_word = nullptr, *m_count = nullptr, *m_sentence = nullptr, *m_reason = nullptr;
    QLabel *m_sealIcon = nullptr, *m_seal = nullptr, *m_noMeasures = nullptr;
    QPushButton *m_rerun = nullptr, *m_report = nullptr, *m_goThere = nullptr;
    QWidget *m_words = nullptr;
    QTableView *m_table = nullptr;
    MeasureModel *m_model = nullptr;
    engine::Verdict m_verdict;
};

} // namespace ui
