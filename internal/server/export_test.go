package server

// BudgetWait is budgetWait.
const BudgetWait = budgetWait
